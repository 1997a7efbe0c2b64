/** summarize: groups of rows → one row each. */
import { multiple } from '../aggregates/multiple'
import { keyOf, keyOfAll } from '../compare'
import { compile, contextOf, type Accumulator, type Context, type Expression, type Slots } from '../expression'
import { kindOf, list, nameOf, optional, part, type Syntax } from '../syntax'
import type { Row, Value } from '../values'
import { answer, each, type Operator } from './define'

/** An aggregate of one group, fed row by row. */
interface State { add (row: Row): void, results (): Value[] }

/** A group's keys and its aggregates so far. */
interface Group { keys: Value[], states: State[] }

function named (node: Syntax): Syntax {
  const kind = kindOf(node)
  return kind === 'SimpleNamedExpression' || kind === 'CompoundNamedExpression' ? part(node, 'Expression') : node
}

/** An expression containing aggregates → how to compute a group's value. */
export function aggregation (node: Syntax, context: Context): { expression: Expression, create: () => State } {
  const creators: Array<() => Accumulator> = []
  const slots: Slots = { add: create => creators.push(create) - 1, results: [] }
  const expression = compile(named(node), { ...context, window: undefined, slots })
  return {
    expression,
    create () {
      const accumulators = creators.map(create => create())
      return {
        add (row) { for (const accumulator of accumulators) accumulator.add(row) },
        results () {
          slots.results = accumulators.map(accumulator => accumulator.result())
          return [expression.of([])]
        }
      }
    }
  }
}

export const summarize: Operator = (node, input, scope) => {
  const context = contextOf(input, scope)
  const by = list(optional(node, 'ByClause'), 'Expressions')
  const keys = by.map(one => compile(one, { ...context, window: undefined }))
  const grouped = new Set(by.filter(one => kindOf(named(one)) === 'NameReference').map(one => nameOf(named(one))))
  const creators = list(node, 'Aggregates').map(one => {
    const several = multiple(named(one), context, grouped)
    if (several === undefined) return aggregation(one, context).create
    // A single name gets the first of several values.
    return several.create
  })
  const create = (values: Value[]): Group => ({ keys: values, states: creators.map(make => make()) })

  const groups = new Map<unknown, Group>()
  const only = keys.length === 1 ? keys[0].of : undefined
  each(input, context, row => {
    const first = only?.(row)
    const values = first === undefined ? keys.map(({ of }) => of(row)) : [first]
    const key = first === undefined ? keyOfAll(values) : keyOf(first)
    let found = groups.get(key)
    if (found === undefined) {
      scope.run.made1(values.length + creators.length)
      groups.set(key, found = create(values))
    }
    for (const state of found.states) state.add(row)
  })
  // Without keys there is always one row, even if the input is empty.
  if (keys.length === 0 && groups.size === 0) groups.set('', create([]))
  return answer(node, [...groups.values()].map(({ keys: values, states }) => [...values, ...states.flatMap(state => state.results())]))
}
