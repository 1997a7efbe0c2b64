/** Functions for any type: conversions, conditions, null checks. */
import { randomUUID } from 'node:crypto'
import { order } from '../compare'
import { parsed } from '../convert'
import { toJson, typeName } from '../dynamic'
import { cast, type Call, type ScalarFunction } from '../expression'
import { add, subtract, type Int } from '../integers'
import { wrong } from '../syntax'
import { isNumeric, type Row, type Scalar, type Value } from '../values'
import { over } from './define'

const to = (type: Scalar): ScalarFunction => ({ args: [value] }) => cast(value, type).of

const parseJson: ScalarFunction = ({ args: [value] }) => row => parsed(value.of(row), value.type)

/** All branches share one type; a long and a real count as two. */
function branches ({ name, args, type, node }: Call, indexes: number[]): Array<(row: Row) => Value> {
  const types = indexes.map(index => args[index].type)
  const numbers = types.filter(isNumeric)
  if (numbers.some(each => each === 'real') && numbers.some(each => each !== 'real') && numbers.every(each => each !== 'decimal')) {
    throw wrong(`${name}() has values of different types: ${[...new Set(types)].join(', ')}`, node)
  }
  return indexes.map(index => cast(args[index], type).of)
}

const iff: ScalarFunction = call => {
  const condition = cast(call.args[0], 'bool').of
  const [yes, no] = branches(call, [1, 2])
  return row => condition(row) === true ? yes(row) : no(row)
}

const caseOf: ScalarFunction = call => {
  const { args } = call
  const conditions: Array<(row: Row) => Value> = []
  const indexes: number[] = []
  for (let index = 0; index + 1 < args.length; index += 2) {
    conditions.push(cast(args[index], 'bool').of)
    indexes.push(index + 1)
  }
  const values = branches(call, [...indexes, args.length - 1])
  return row => {
    for (let index = 0; index < conditions.length; index++) if (conditions[index](row) === true) return values[index](row)
    return values[values.length - 1](row)
  }
}

const coalesce: ScalarFunction = call => {
  const values = branches(call, call.args.map((_, index) => index))
  return row => {
    let found: Value = null
    for (const of of values) {
      found = of(row)
      if (found !== null && found !== '') return found
    }
    return found
  }
}

/** NaN is both the largest and the smallest; nulls are ignored. */
function extreme (sign: 1 | -1): ScalarFunction {
  return ({ args, type }) => {
    const values = args.map(each => cast(each, type).of)
    return row => {
      let best: Value = null
      for (const of of values) {
        const value = of(row)
        if (value !== null && (best === null || Number.isNaN(value) || (!Number.isNaN(best) && order(value, best) * sign > 0))) best = value
      }
      return best
    }
  }
}

function isNull (negative: boolean): ScalarFunction {
  return ({ args: [value] }) => row => (value.of(row) === null) !== negative
}

const asserted: ScalarFunction = ({ args: [condition, message], node }) => {
  const [holds, text] = [cast(condition, 'bool').of, cast(message, 'string').of]
  return row => {
    if (holds(row) !== true) throw wrong(`assert() has failed: ${text(row) as string}`, node)
    return true
  }
}

/** Whether a value is at most so far from another. */
const around: ScalarFunction = ({ args: [value, center, distance] }) => {
  const within = over([value.type, value.type, value.type === 'datetime' ? 'timespan' : value.type], (given: Int, middle: Int, most: Int) =>
    order(given, value.type === 'real' ? Number(middle) - Number(most) : subtract(middle, most)) >= 0 && order(given, value.type === 'real' ? Number(middle) + Number(most) : add(middle, most)) <= 0)
  return within({ args: [value, center, distance] } as Call)
}

export const anything: Readonly<Record<string, ScalarFunction>> = {
  tostring: to('string'),
  tolong: to('long'),
  toint: to('int'),
  todouble: to('real'),
  toreal: to('real'),
  todecimal: to('decimal'),
  tobool: to('bool'),
  toboolean: to('bool'),
  todatetime: to('datetime'),
  totimespan: to('timespan'),
  totime: to('timespan'),
  toguid: to('guid'),
  todynamic: parseJson,
  parse_json: parseJson,
  parsejson: parseJson,
  toobject: parseJson,
  dynamic_to_json: ({ args: [value] }) => row => { const given = value.of(row); return given === null ? '' : typeof given === 'string' ? given : toJson(given, true) },
  gettype: ({ args: [value] }) => value.type === 'dynamic' ? row => typeName(value.of(row)) : () => value.type,
  iff,
  iif: iff,
  case: caseOf,
  coalesce,
  max_of: extreme(1),
  min_of: extreme(-1),
  isnull: isNull(false),
  isnotnull: isNull(true),
  notnull: isNull(true),
  around,
  assert: asserted,
  not: over(['bool'], (value: boolean) => !value),
  new_guid: () => () => randomUUID()
}
