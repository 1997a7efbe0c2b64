/** make-series: aggregates per step of an axis, as lists. */
import { keyOfAll, order } from '../compare'
import { toDynamic } from '../dynamic'
import { cast, compile, contextOf, valueOf, type Context } from '../expression'
import { add, floorTo, subtract, type Int } from '../integers'
import { columnsOf, kindOf, lacking, list, optional, parameters, part, type Syntax } from '../syntax'
import type { Scope } from '../scope'
import type { Row, Scalar, Value } from '../values'
import { SINCE_YEAR_1 } from '../datetime'
import { each, group, type Operator } from './define'
import { aggregation } from './summarize'

/** Maximum steps in one series. */
const LONGEST = 1_048_576

interface Axis { type: Scalar, from: Value, to: Value, step: Value, inclusive: boolean }

function axisOf (node: Syntax, type: Scalar, scope: Scope): Axis {
  const context: Context = { columns: [], scope }
  const spanType = type === 'datetime' ? 'timespan' : type
  const read = (clause: Syntax | undefined, as: Scalar): Value => clause === undefined ? null : valueOf(cast(compile(clause, context), as))
  const range = part(node, 'RangeClause')
  if (kindOf(range) === 'MakeSeriesInRangeClause') {
    const [from, to, step] = list(part(range, 'Arguments'), 'Expressions')
    return { type, from: read(from, type), to: read(to, type), step: read(step, spanType), inclusive: true }
  }
  const of = (clause: string): Syntax | undefined => { const found = optional(range, clause); return found === undefined ? undefined : part(found, 'Expression') }
  return { type, from: read(of('MakeSeriesFromClause'), type), to: read(of('MakeSeriesToClause'), type), step: read(of('MakeSeriesStepClause'), spanType), inclusive: false }
}

/** The steps from start to end; without an end, up to the last value. */
function points ({ type, from, to, step, inclusive }: Axis, values: Value[], node: Syntax): Value[] {
  const real = type === 'real'
  const start = from ?? floored(values.reduce((a, b) => order(b, a) < 0 ? b : a), step, type)
  const end = to ?? values.reduce((a, b) => order(b, a) > 0 ? b : a)
  const found: Value[] = []
  for (let at = start; at !== null; at = real ? Number(start) + Number(step) * found.length : add(at as Int, step as Int)) {
    const compared = order(at, end)
    if (compared > 0 || (compared === 0 && to !== null && !inclusive)) break
    found.push(at)
    if (found.length > LONGEST) throw lacking(`A series of more than ${LONGEST} steps`, node)
  }
  return found
}

function floored (value: Value, step: Value, type: Scalar): Value {
  if (type === 'real') return Math.floor(Number(value) / Number(step)) * Number(step)
  // Datetime bins start at the year 1.
  if (type === 'datetime') return subtract(floorTo(add(value as Int, SINCE_YEAR_1), step as Int) as Int, SINCE_YEAR_1)
  return floorTo(value as Int, step as Int)
}

/** The step that a value belongs to. */
function stepOf (value: Value, start: Value, step: Value, type: Scalar): number {
  if (type === 'real') return Math.floor((Number(value) - Number(start)) / Number(step))
  const distance = subtract(value as Int, start as Int)
  return Number(subtract(distance, 0)) < 0 ? -1 : Number(BigInt(distance) / BigInt(step as Int))
}

export const makeSeries: Operator = (node, input, scope) => {
  const context = { ...contextOf(input, scope), window: undefined }
  const aggregates = list(node, 'Aggregates').map(one => {
    const made = aggregation(part(one, 'Expression'), context)
    const clause = optional(one, 'DefaultExpression')
    const otherwise = clause === undefined ? 0 : valueOf(cast(compile(part(clause, 'Expression'), { columns: [], scope }), made.expression.type))
    return { ...made, otherwise: toDynamic(otherwise, made.expression.type) }
  })
  const on = compile(part(part(node, 'OnClause'), 'Expression'), context)
  const axis = axisOf(node, on.type, scope)
  if (axis.step === null || Number(axis.step) <= 0) throw lacking('A step that is not above 0', node)
  const keys = list(optional(node, 'ByClause'), 'Expressions').map(one => compile(one, context))

  const groups = group<{ keys: Value[], rows: Row[] }>(input.rows, row => keys.map(({ of }) => of(row)), keyOfAll, values => ({ keys: values, rows: [] }), (found, row) => { found.rows.push(row) })
  if (groups.length === 0 && keys.length === 0 && parameters(node).get('kind') === 'nonempty') groups.push({ keys: [], rows: [] })
  const rows = groups.map(found => {
    const placed = found.rows.map(row => on.of(row))
    const known = placed.filter(value => value !== null)
    if (known.length === 0 && (axis.from === null || axis.to === null)) return [...found.keys, ...aggregates.map(() => [] as Value[]), []]
    const steps = points(axis, known, node)
    const states: Array<Array<ReturnType<typeof aggregates[number]['create']>>> = []
    each({ ...input, rows: found.rows }, context, row => {
      const value = on.of(row)
      const at = value === null ? -1 : stepOf(value, steps[0] ?? null, axis.step, axis.type)
      if (at < 0 || at >= steps.length) return
      states[at] ??= aggregates.map(({ create }) => create())
      for (const state of states[at]) state.add(row)
    })
    const lists = aggregates.map(({ expression, otherwise }, index) => steps.map((_, at) => states[at] === undefined ? otherwise : toDynamic(states[at][index].results()[0], expression.type)))
    scope.run.made1(steps.length * (aggregates.length + 1))
    return [...found.keys, ...lists, steps.map(at => toDynamic(at, axis.type))]
  })
  return { columns: columnsOf(node), rows, serialized: false }
}
