/** == != < <= > >= and or between in in~ */
import { order, equal, keyOf } from './compare'
import { convert, toText } from './convert'
import { resolved } from './dynamic'
import { cast, compile, evaluate, folded, valueOf, type Context, type Expression } from './expression'
import { kindOf, list, isTabular, part, type Syntax } from './syntax'
import { arithmetic } from './binary'
import { isInteger, isNumeric, type Scalar, type Value } from './values'

export function compileComparison (node: Syntax, context: Context): Expression {
  const kind = kindOf(node).replace('Expression', '')
  if (kind.includes('Between')) return between(node, context, kind === 'NotBetween')
  // The parser's InCs means in~, which ignores case.
  if (/^(?:Not)?In(?:Cs)?$/.test(kind)) return within(node, context, kind.startsWith('Not'), kind.endsWith('Cs'))
  const left = compile(part(node, 'Left'), context)
  const right = compile(part(node, 'Right'), context)
  if (kind === 'And' || kind === 'Or') return logic(kind, left, right)
  return compare(kind, left, right)
}

/** Three-valued logic: null stays null, unless the other side decides. */
function logic (kind: 'And' | 'Or', left: Expression, right: Expression): Expression {
  const [a, b] = [cast(left, 'bool').of, cast(right, 'bool').of]
  const decisive = kind === 'Or'
  return folded({
    type: 'bool',
    constant: left.constant && right.constant,
    of: row => {
      const x = a(row)
      if (x === decisive) return decisive
      const y = b(row)
      if (y === decisive) return decisive
      return x === null || y === null ? null : !decisive
    }
  })
}

/** The type that both sides are compared as. */
function common (left: Expression, right: Expression): Scalar {
  const [a, b] = [left.type, right.type]
  if (a === b) return a
  if (isNumeric(a) && isNumeric(b)) return a === 'decimal' || b === 'decimal' ? 'decimal' : isInteger(a) && isInteger(b) ? 'long' : 'real'
  // A dynamic value is compared as the other side's type.
  if (a === 'dynamic') return isInteger(b) ? 'dynamic' : b
  if (b === 'dynamic') return isInteger(a) ? 'dynamic' : a
  // success == false, success == 1: the column holds True or False as text.
  if (a === 'bool' || b === 'bool') return 'bool'
  return a === 'string' ? b : b === 'string' ? a : 'string'
}

const TESTS: Readonly<Record<string, (order: number) => boolean>> = {
  LessThan: found => found < 0,
  LessThanOrEqual: found => found <= 0,
  GreaterThan: found => found > 0,
  GreaterThanOrEqual: found => found >= 0
}

export function compare (kind: string, left: Expression, right: Expression): Expression {
  const type = common(left, right)
  const [a, b] = [read(left, type), read(right, type)]
  const constant = left.constant && right.constant
  if (kind === 'Equal' || kind === 'NotEqual') {
    const negative = kind === 'NotEqual'
    return folded({
      type: 'bool',
      constant,
      of: row => {
        const [x, y] = [a(row), b(row)]
        // A null never equals a value; comparing two nulls gives null.
        if (x === null || y === null) return x === y ? null : negative
        return equal(x, y) !== negative
      }
    })
  }
  const test = TESTS[kind]
  return folded({
    type: 'bool',
    constant,
    of: row => {
      const [x, y] = [a(row), b(row)]
      if (x === null || y === null) return null
      if (Number.isNaN(x) || Number.isNaN(y)) return false
      return test(order(x, y))
    }
  })
}

function read ({ of, type }: Expression, as: Scalar): Expression['of'] {
  if (type === as || (isInteger(type) && (as === 'long' || as === 'dynamic'))) return of
  if (as === 'real' && isInteger(type)) return row => { const value = of(row); return value === null ? null : Number(value) }
  // success == 1: the column holds True or False.
  if (type === 'string' && isInteger(as)) return row => convert(of(row), type, as) ?? convert(convert(of(row), type, 'bool'), 'bool', as)
  // In comparisons, text in a dynamic value is never a number, nor a number text.
  return row => convert(of(row), type, as)
}

function between (node: Syntax, context: Context, negative: boolean): Expression {
  const value = compile(part(node, 'Left'), context)
  const range = part(node, 'Right')
  const low = compile(part(range, 'First'), context)
  let high = compile(part(range, 'Second'), context)
  // `datetime between (a .. 2d)`: the second operand is a duration.
  if (value.type === 'datetime' && high.type === 'timespan') high = arithmetic('Add', low, high, node)
  const both = logic('And', compare('GreaterThanOrEqual', value, low), compare('LessThanOrEqual', value, high))
  if (!negative) return both
  return folded({ ...both, of: row => { const inside = both.of(row); return inside === null ? null : inside === false } })
}

function within (node: Syntax, context: Context, negative: boolean, loose: boolean): Expression {
  const value = compile(part(node, 'Left'), context)
  const elements = list(part(node, 'Right'), 'Expressions')
  const candidates = elements.flatMap(each => candidatesOf(each, context))
  const moving = candidates.filter(each => !each.constant)
  const known = new Set<unknown>()
  const key = (given: Value): unknown => typeof given === 'string' && loose ? given.toLowerCase() : keyOf(given)
  const as = value.type === 'dynamic' ? 'string' : value.type
  const convertTo = (expression: Expression): Expression['of'] => as === 'string'
    ? row => toText(expression.of(row), expression.type)
    : row => convert(expression.of(row), expression.type, as)
  for (const each of candidates) {
    if (!each.constant) continue
    const given = valueOf({ ...each, of: convertTo(each) })
    // A null never matches, but an empty text does.
    if (given !== null) known.add(key(given))
  }
  const others = moving.map(convertTo)
  const of = value.type === 'dynamic' ? convertTo(value) : value.of
  return folded({
    type: 'bool',
    constant: value.constant && moving.length === 0,
    of: row => {
      const given = of(row)
      if (given === null) return negative
      const found = key(given)
      return (known.has(found) || others.some(other => key(other(row)) === found)) !== negative
    }
  })
}

/** Values, lists of values, or the first column of a table. */
export function candidatesOf (node: Syntax, context: Context): Expression[] {
  if (isTabular(node)) {
    const { columns, rows } = evaluate(node, context.scope)
    return rows.map(row => ({ type: columns[0].type, constant: true, of: () => resolved(row[0]) }))
  }
  const expression = compile(node, context)
  if (expression.type !== 'dynamic' || !expression.constant) return [expression]
  const value = valueOf(expression)
  return Array.isArray(value) ? value.map(each => ({ type: 'dynamic', constant: true, of: () => each })) : [expression]
}
