/** scan: rows pass through steps in order, each with columns that it remembers. */
import { cast, compile, contextOf, valueOf, type Context, type Expression } from '../expression'
import { columnsOf, list, nameOf, optional, parameters, part, scalarNamed, tokenText, wrong, walk, kindOf, type Syntax } from '../syntax'
import { missing, type Column, type Row, type Value } from '../values'
import { windowFunctions } from '../functions/windows'
import { each, holds, type Operator } from './define'

/** The row that a step matched last. */
interface Taken { row: Row, declared: Value[] }

/** A sequence that has reached a step: the rows matched by this step and the steps before it. */
interface State { taken: ReadonlyMap<string, Taken>, id: number }

interface Step {
  name: string
  output: string
  condition (row: Row): boolean
  assign: Array<{ place: number, of (row: Row): Value }>
  state: State | undefined
}

function stepsOf (node: Syntax, context: Context, declared: Column[], defaults: Value[], active: () => State | undefined): Step[] {
  const inputWidth = context.columns.length - declared.length
  const path = (step: string, column: string): Expression | undefined => {
    const place = context.columns.findIndex(({ name }) => name === column)
    if (place === -1 || !names.has(step)) return undefined
    const { type } = context.columns[place]
    return {
      type,
      constant: false,
      of () {
        const found = active()?.taken.get(step)
        if (place >= inputWidth) return found?.declared[place - inputWidth] ?? defaults[place - inputWidth]
        return found?.row[place] ?? missing(type)
      }
    }
  }
  const names = new Set(list(node, 'Steps').map(one => nameOf(part(one, 'Name'))))
  const inner: Context = { ...context, path, window: undefined }
  return list(node, 'Steps').map(one => {
    const step: Step = { name: nameOf(part(one, 'Name')), output: tokenText(optional(optional(one, 'ScanStepOutput'), 'OutputKind')) || 'all', condition: () => true, assign: [], state: undefined }
    step.condition = holds(compile(part(one, 'Condition'), inner))
    const clause = optional(one, 'ComputationClause')
    step.assign = list(clause, 'Assignments').map(assignment => {
      const place = declared.findIndex(({ name }) => name === nameOf(part(assignment, 'Name')))
      return { place, of: cast(compile(part(assignment, 'Expression'), inner), declared[place].type).of }
    })
    return step
  })
}

export const scan: Operator = (node, input, scope) => {
  if (!input.serialized) throw wrong('scan needs rows in an order: sort or serialize them first', node)
  for (const inside of walk(node)) {
    const name = kindOf(inside) === 'FunctionCallExpression' ? nameOf(part(inside, 'Name')) : ''
    if (Object.hasOwn(windowFunctions, name)) throw wrong(`${name}() cannot be used in scan`, inside)
  }
  const matchId = parameters(node).get('with_match_id')
  const declarations = list(optional(node, 'DeclareClause'), 'Declarations')
  const declared = declarations.map(one => {
    const declaration = part(one, 'NameAndType')
    return { name: nameOf(part(declaration, 'Name')), type: scalarNamed(part(declaration, 'Type').ToString().trim()) }
  })
  const defaults = declarations.map((one, index) => {
    const value = optional(one, 'DefaultValue')
    return value === undefined ? missing(declared[index].type) : valueOf(cast(compile(part(value, 'Value'), { columns: [], scope }), declared[index].type))
  })
  const base = contextOf(input, scope)
  const context: Context = { ...base, columns: [...input.columns.filter(({ name }) => !declared.some(column => column.name === name)), ...declared] }
  let active: State | undefined
  const steps = stepsOf(node, context, declared, defaults, () => active)
  const rows: Row[] = []
  let matches = 0

  /** Whether the row continues a sequence or starts one. */
  function enter (step: Step, row: Row, from: State | undefined): boolean {
    active = from
    // A declared column's bare name is its default; stored values are prefixed with the step's name.
    const full = [...row, ...defaults]
    if (!step.condition(full)) return false
    const next = [...from?.taken.get(step.name)?.declared ?? defaults]
    for (const { place, of } of step.assign) next[place] = of(full)
    step.state = { taken: new Map([...from?.taken ?? [], [step.name, { row, declared: next }]]), id: from?.id ?? matches++ }
    if (step.output === 'all') rows.push([...row, ...next, ...(matchId === undefined ? [] : [step.state.id])])
    return true
  }

  each(input, base, row => {
    scope.run.made1(context.columns.length)
    for (let index = steps.length - 1; index >= 0; index--) {
      const [step, before] = [steps[index], steps[index - 1] as Step | undefined]
      if (before?.state !== undefined && enter(step, row, before.state)) {
        before.state = undefined
      } else if (step.state !== undefined || index === 0) enter(step, row, step.state)
    }
  })
  const columns = columnsOf(node).filter(({ name }) => name !== 'match_id' || matchId === 'match_id')
  return { columns, rows, serialized: true }
}
