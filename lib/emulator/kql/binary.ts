/** + - * / % */
import { Decimal } from './decimal'
import { within } from './datetime'
import { cast, compile, folded, type Context, type Expression } from './expression'
import { add, divide, fromReal, modulo, multiply, subtract, type Int } from './integers'
import { kindOf, lacking, part, wrong, type Syntax } from './syntax'
import type { Scalar, Value } from './values'

type Operation = (a: never, b: never) => Value

const INTEGERS: Readonly<Record<string, (a: Int, b: Int) => Int | null>> = { Add: add, Subtract: subtract, Multiply: multiply, Divide: divide, Modulo: modulo }

const REALS: Readonly<Record<string, (a: number, b: number) => number>> = {
  Add: (a, b) => a + b,
  Subtract: (a, b) => a - b,
  Multiply: (a, b) => a * b,
  Divide: (a, b) => a / b,
  Modulo: (a, b) => { const rest = a % b; return rest < 0 ? rest + Math.abs(b) : rest }
}

const DECIMALS: Readonly<Record<string, (a: Decimal, b: Decimal) => Decimal | null>> = {
  Add: (a, b) => a.add(b),
  Subtract: (a, b) => a.subtract(b),
  Multiply: (a, b) => a.multiply(b),
  Divide: (a, b) => a.divide(b),
  Modulo: (a, b) => a.modulo(b)
}

export function compileBinary (node: Syntax, context: Context): Expression {
  const name = kindOf(node).replace('Expression', '')
  const left = compile(part(node, 'Left'), context)
  const right = compile(part(node, 'Right'), context)
  return arithmetic(name, left, right, node)
}

export function arithmetic (name: string, left: Expression, right: Expression, node: Syntax): Expression {
  if (left.type === 'dynamic' || right.type === 'dynamic') throw wrong('Values of type dynamic have no arithmetic: convert them first, with tolong() or todouble()', node)
  const times = ofTime(name, left, right, node)
  if (times !== undefined) return times
  const types = new Set([left.type, right.type])
  if (types.has('decimal')) return apply('decimal', cast(left, 'decimal'), cast(right, 'decimal'), DECIMALS[name])
  if (types.has('real')) return apply('real', cast(left, 'real'), cast(right, 'real'), REALS[name])
  // Booleans count as 0 and 1.
  return apply('long', cast(left, 'long'), cast(right, 'long'), INTEGERS[name])
}

function apply (type: Scalar, left: Expression, right: Expression, operation: Operation): Expression {
  const [a, b] = [left.of, right.of]
  return folded({
    type,
    constant: left.constant && right.constant,
    of: row => {
      const x = a(row)
      if (x === null) return null
      const y = b(row)
      return y === null ? null : operation(x as never, y as never)
    }
  })
}

function ofTime (name: string, left: Expression, right: Expression, node: Syntax): Expression | undefined {
  const kinds = `${left.type} ${name} ${right.type}`
  switch (kinds) {
    case 'datetime Add timespan': case 'timespan Add datetime': return apply('datetime', left, right, (a: Int, b: Int) => within(add(a, b)))
    case 'datetime Subtract timespan': return apply('datetime', left, right, (a: Int, b: Int) => within(subtract(a, b)))
    case 'datetime Subtract datetime': return apply('timespan', left, right, subtract as Operation)
    case 'timespan Add timespan': return apply('timespan', left, right, add as Operation)
    case 'timespan Subtract timespan': return apply('timespan', left, right, subtract as Operation)
    case 'timespan Divide timespan': return apply('real', left, right, (a: Int, b: Int) => Number(a) / Number(b))
    case 'timespan Modulo timespan': return apply('timespan', left, right, modulo as Operation)
  }
  if (left.type === 'timespan' && (name === 'Multiply' || name === 'Divide')) return scaled(name, left, right)
  if (right.type === 'timespan' && name === 'Multiply') return scaled(name, right, left)
  if (left.type === 'datetime' || right.type === 'datetime' || left.type === 'timespan' || right.type === 'timespan') throw lacking(`${left.type} ${name.toLowerCase()} ${right.type}`, node)
  return undefined
}

function scaled (name: string, span: Expression, by: Expression): Expression {
  if (by.type === 'int' || by.type === 'long') return apply('timespan', span, by, INTEGERS[name] as Operation)
  return apply('timespan', span, cast(by, 'real'), (a: Int, b: number) => fromReal(Math.round(REALS[name](Number(a), b))))
}
