/** Functions that look at other rows: prev, next, row_number, row_cumsum, row_rank, row_window_session. */
import { order } from '../compare'
import { add, subtract, type Int } from '../integers'
import { cast, valueOf, type Call, type Window } from '../expression'
import { missing, type Row, type Value } from '../values'

type WindowFunction = (call: Call, window: Window) => (row: Row) => Value

/** The row a given distance before or after. */
function neighbour (direction: 1 | -1): WindowFunction {
  return ({ args: [value, offset, otherwise], type }, window) => {
    const distance = offset === undefined ? 1 : Number(valueOf(offset))
    const instead = otherwise === undefined ? undefined : cast(otherwise, type)
    return row => {
      const found = window.rows[window.index + direction * distance] as Row | undefined
      return found === undefined ? instead?.of(row) ?? missing(type) : value.of(found)
    }
  }
}

/** A value carried from row to row, until a condition resets it. */
function carried<T> (window: Window, restart: ((row: Row) => Value) | undefined, next: (before: T | undefined, row: Row) => T, result: (state: T) => Value): (row: Row) => Value {
  let state: T | undefined
  return row => {
    if (window.index === 0 || restart?.(row) === true) state = undefined
    state = next(state, row)
    return result(state)
  }
}

const rowNumber: WindowFunction = ({ args: [start, restart] }, window) => {
  const first = start === undefined ? 1 : Number(valueOf(start))
  return carried<number>(window, restart?.of, before => before === undefined ? first : before + 1, state => state)
}

const cumulated: WindowFunction = ({ args: [value, restart], type }, window) => {
  const real = type === 'real'
  const { of } = cast(value, type)
  return carried<Value>(window, restart?.of, (before, row) => {
    const given = of(row)
    if (given === null) return before ?? 0
    return real ? Number(before ?? 0) + Number(given) : add((before ?? 0) as Int, given as Int)
  }, state => state)
}

interface Rank { value: Value, rank: number, count: number }

function ranked (dense: boolean): WindowFunction {
  return ({ args: [value, restart] }, window) => carried<Rank>(window, restart?.of, (before, row) => {
    const given = value.of(row)
    if (before === undefined) return { value: given, rank: 1, count: 1 }
    const count = before.count + 1
    const same = given === before.value || (given !== null && before.value !== null && order(given, before.value) === 0)
    return { value: given, count, rank: same ? before.rank : dense ? before.rank + 1 : count }
  }, ({ rank }) => rank)
}

const session: WindowFunction = ({ args: [time, longest, gap, restart] }, window) => {
  const [most, pause] = [valueOf(longest), valueOf(gap)] as [Int, Int]
  return carried<{ start: Value, last: Value }>(window, restart?.of, (before, row) => {
    const now = time.of(row)
    if (before === undefined || now === null || before.last === null || before.start === null ||
      order(subtract(now as Int, before.start as Int), most) > 0 || order(subtract(now as Int, before.last as Int), pause) > 0) return { start: now, last: now }
    return { start: before.start, last: now }
  }, ({ start }) => start)
}

export const windowFunctions: Readonly<Record<string, WindowFunction>> = {
  prev: neighbour(-1),
  next: neighbour(1),
  row_number: rowNumber,
  row_cumsum: cumulated,
  row_rank_dense: ranked(true),
  row_rank_min: ranked(false),
  row_window_session: session
}
