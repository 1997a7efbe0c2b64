/** Functions for dynamic lists and sets. */
import { keyOf, order, orderDynamic } from '../compare'
import { toDynamic } from '../dynamic'
import { cast, valueOf, type ScalarFunction, type TupleFunction } from '../expression'
import { numberIn, type Value } from '../values'
import { add, type Int } from '../integers'
import { withNulls } from './define'
import { invalid } from '../errors'

/** Null if the value is not a list. */
function ofList (compute: (list: Value[], ...others: never[]) => Value): ScalarFunction {
  return withNulls(['dynamic', 'long'], (list: Value, ...others: Value[]) => Array.isArray(list) ? compute(list, ...others as never[]) : null)
}

function place (index: number, length: number): number {
  return index < 0 ? Math.max(0, length + index) : Math.min(index, length)
}

function rotated (list: Value[], by: number): Value[] {
  if (list.length === 0) return list
  const at = (by % list.length + list.length) % list.length
  return [...list.slice(at), ...list.slice(0, at)]
}

function shifted (by: (list: Value[], distance: number) => number): ScalarFunction {
  return ({ args: [list, distance, fill] }) => {
    const count = cast(distance, 'long').of
    return row => {
      const given = list.of(row)
      if (!Array.isArray(given)) return null
      const places = by(given, Number(count(row)))
      const filling = fill === undefined ? null : toDynamic(fill.of(row), fill.type)
      return given.map((_, index) => index + places >= 0 && index + places < given.length ? given[index + places] : filling)
    }
  }
}

/** Sorts the first list, and the others along with it. Missing values sort last, unless the last argument says first. */
function sorted (sign: 1 | -1): TupleFunction {
  return ({ args }) => {
    const flag = args.at(-1)
    const last = flag?.type !== 'bool' || valueOf(flag) !== false
    const lists = args.filter(({ type }) => type !== 'bool')
    return row => {
      const [given, ...others] = lists.map(list => list.of(row))
      if (!Array.isArray(given)) return lists.map(() => null)
      const places = [...given.keys()]
      const values = places.filter(place => given[place] !== null).sort((a, b) => sign * orderDynamic(given[a], given[b]))
      const nulls = places.filter(place => given[place] === null)
      const order = last ? [...values, ...nulls] : [...nulls, ...values]
      return [given, ...others].map(list => Array.isArray(list) && list.length === order.length ? order.map(place => list[place]) : null)
    }
  }
}

/** What the first list becomes, where a single value is wanted. */
function firstSorted (sign: 1 | -1): ScalarFunction {
  return call => { const of = sorted(sign)(call); return row => of(row)[0] }
}

function unique (lists: Value[][]): Value[] {
  const found = new Map<unknown, Value>()
  for (const list of lists) for (const value of list) if (!found.has(keyOf(value))) found.set(keyOf(value), value)
  return [...found.values()]
}

function sets (compute: (first: Value[], others: Value[][]) => Value): ScalarFunction {
  return withNulls(['dynamic'], (...given: Value[]) => {
    const lists = given.map(value => Array.isArray(value) ? value : [])
    return given.every(value => !Array.isArray(value)) ? null : compute(unique([lists[0]]), lists.slice(1))
  })
}

const keys = (list: Value[]): Set<unknown> => new Set(list.map(keyOf))

const concatenated: ScalarFunction = withNulls(['dynamic'], (...lists: Value[]) => lists.some(Array.isArray) ? lists.flatMap(list => Array.isArray(list) ? list : []) : null)

function intersection (first: Value[], others: Value[][]): Value[] {
  const sets = others.map(keys)
  return first.filter(value => sets.every(set => set.has(keyOf(value))))
}

const conditional: ScalarFunction = ({ args: [conditions, yes, no] }) => {
  const pick = ({ of, type }: typeof yes): typeof of => row => toDynamic(of(row), type)
  const [a, b] = [pick(yes), pick(no)]
  return row => {
    const list = conditions.of(row)
    if (!Array.isArray(list)) return null
    const [x, y] = [a(row), b(row)]
    return list.map((condition, index) => {
      const number = numberIn(condition)
      if (number === null && typeof condition !== 'boolean') return null
      const given = condition === true || (number ?? 0) !== 0 ? x : y
      return Array.isArray(given) ? given[index] ?? null : given
    })
  }
}

const indexOf: ScalarFunction = ({ args: [list, wanted, start, count, occurrence] }) => row => {
  const given = list.of(row)
  if (!Array.isArray(given)) return null
  const key = keyOf(toDynamic(wanted.of(row), wanted.type))
  const from = start === undefined ? 0 : place(Number(start.of(row)), given.length)
  const most = count === undefined || Number(count.of(row)) < 0 ? given.length : from + Number(count.of(row))
  let left = occurrence === undefined ? 1 : Number(occurrence.of(row))
  return given.findIndex((value, index) => index >= from && index < most && keyOf(value) === key && --left === 0)
}

const packed: ScalarFunction = ({ args }) => row => args.map(({ of, type }) => toDynamic(of(row), type))

/** Maximum elements in one value. */
const MOST = 1_048_576

const range: ScalarFunction = ({ args: [from, to, step] }) => {
  const { type } = from
  const stepType = type === 'datetime' ? 'timespan' : type
  const [first, last] = [from.of, cast(to, type).of]
  const by = step === undefined ? undefined : cast(step, stepType).of
  return row => {
    const [a, b, c] = [first(row), last(row), by === undefined ? 1 : by(row)]
    if (a === null || b === null || c === null || Number(c) === 0) return null
    const values: Value[] = []
    for (let value: Value = a; Number(c) > 0 ? order(value, b) <= 0 : order(value, b) >= 0;) {
      if (values.length >= MOST) throw invalid(`range() would make more than ${MOST} values`)
      values.push(toDynamic(value, type))
      value = type === 'real' ? Number(a) + Number(c) * values.length : add(value as Int, c as Int)
    }
    return values
  }
}

function split (list: Value[], at: number[]): Value[] {
  const cuts = [0, ...at, list.length]
  return cuts.slice(1).map((end, index) => list.slice(cuts[index], Math.max(cuts[index], end)))
}

function sum (list: Value[]): Value {
  const numbers = list.map(numberIn)
  return list.length === 0 || numbers.some(value => value === null) ? null : numbers.reduce<number>((total, value) => total + (value ?? 0), 0)
}

export const arrays: Readonly<Record<string, ScalarFunction>> = {
  array_length: ofList(list => list.length),
  arraylength: ofList(list => list.length),
  array_concat: concatenated,
  array_slice: ofList((list, start: number, end: number) => {
    const last = end < 0 ? list.length + end : end
    return list.slice(place(start, list.length), last + 1)
  }),
  array_reverse: ofList(list => list.toReversed()),
  array_rotate_left: ofList((list, by: number) => rotated(list, by)),
  array_rotate_right: ofList((list, by: number) => rotated(list, -by)),
  array_shift_left: shifted((_list, by) => by),
  array_shift_right: shifted((_list, by) => -by),
  array_sort_asc: firstSorted(1),
  array_sort_desc: firstSorted(-1),
  array_sum: ofList(sum),
  array_index_of: indexOf,
  array_iff: conditional,
  array_iif: conditional,
  array_split: withNulls(['dynamic'], (list: Value, at: Value) => Array.isArray(list) ? split(list, [at].flat().map(one => place(numberIn(one) ?? 0, list.length))) : null),
  set_union: sets((first, others) => unique([first, ...others])),
  set_intersect: sets(intersection),
  set_difference: sets((first, others) => first.filter(value => !others.some(other => keys(other).has(keyOf(value))))),
  set_has_element: ({ args: [list, wanted] }) => row => {
    const given = list.of(row)
    return Array.isArray(given) ? keys(given).has(keyOf(toDynamic(wanted.of(row), wanted.type))) : null
  },
  set_equals: sets((first, [second = []]) => intersection(first, [second]).length === first.length && unique([second]).length === first.length),
  jaccard_index: sets((first, others) => {
    const all = unique([first, ...others]).length
    return all === 0 ? NaN : intersection(first, others).length / all
  }),
  pack_array: packed,
  range,
  repeat: ({ args: [value, count] }) => row => Array.from({ length: Math.min(MOST, Math.max(0, Number(count.of(row)))) }, () => toDynamic(value.of(row), value.type)),
  zip: withNulls(['dynamic'], (...lists: Value[]) => {
    const given = lists.map(list => Array.isArray(list) ? list : [list])
    return Array.from({ length: Math.max(...given.map(list => list.length)) }, (_, index) => given.map(list => list[index] ?? null))
  })
}

export const arrayTuples: Readonly<Record<string, TupleFunction>> = { array_sort_asc: sorted(1), array_sort_desc: sorted(-1) }
