/** Number functions, and bin(). */
import { SINCE_YEAR_1 } from '../datetime'
import { Decimal } from '../decimal'
import { cast, type ScalarFunction } from '../expression'
import { add, floorTo, negate, subtract, wrap, type Int } from '../integers'
import { wrong } from '../syntax'
import { isInteger, type Scalar, type Value } from '../values'
import { over } from './define'

const real = (compute: (...values: number[]) => number): ScalarFunction => over(['real'], compute)

const finite = (value: number): Value => Number.isNaN(value) ? null : value

/** Rounds half away from zero. */
function round (value: number, digits = 0): number {
  const unit = 10 ** digits
  // A double holds slightly less than 1.005, so the shortest text decides.
  const scaled = Number(`${Math.abs(value)}e${digits}`)
  if (!Number.isFinite(scaled)) return Number.isFinite(value) ? Math.round(value * unit) / unit : value
  return Math.sign(value) * Number(`${Math.round(scaled)}e${-digits}`)
}

/** Returns the argument's type if it is an integer or a timespan. */
function kept (whole: (value: Int) => Int, fraction: (value: number) => number, decimal: (value: Decimal) => Decimal): ScalarFunction {
  return ({ args: [value] }) => row => {
    const given = value.of(row)
    if (given === null) return null
    if (given instanceof Decimal) return decimal(given)
    if (value.type === 'real') return fraction(given as number)
    return isInteger(value.type) || value.type === 'timespan' ? whole(given as Int) : fraction(Number(given))
  }
}

const rounded: ScalarFunction = call => {
  const { args: [value] } = call
  if (value.type === 'decimal') return over(['decimal', 'long'], (given: Decimal, digits = 0) => Decimal.from(round(given.toNumber(), digits).toString()))(call)
  return over(['real', 'long'], round)(call)
}

/** Rounds a value down to a multiple of a size. */
export function binned (value: Value, size: Value, type: Scalar): Value {
  if (value === null || size === null) return null
  if (type === 'real') return Number(size) > 0 ? Math.floor(Number(value) / Number(size)) * Number(size) : null
  if (type === 'decimal') {
    const quotient = (value as Decimal).divide(size as Decimal)
    return quotient === null ? null : quotient.floor().multiply(size as Decimal)
  }
  // Datetime bins start at the year 1.
  if (type === 'datetime') {
    const floored = floorTo(add(value as Int, SINCE_YEAR_1), size as Int)
    return floored === null ? null : subtract(floored, SINCE_YEAR_1)
  }
  return floorTo(value as Int, size as Int)
}

function binType (value: Scalar, size: Scalar): Scalar {
  if (value === 'datetime' || value === 'timespan') return value
  if (value === 'decimal' || size === 'decimal') return 'decimal'
  return value === 'real' || size === 'real' ? 'real' : 'long'
}

const bin: ScalarFunction = ({ args: [value, size] }) => {
  const type = binType(value.type, size.type)
  const span = type === 'datetime' ? 'timespan' : type
  const [given, step] = [cast(value, type).of, cast(size, span)]
  if (step.constant && type === 'datetime') {
    const fixed = step.of([]) as Int | null
    if (fixed === null || fixed <= 0) return () => null
    // Shift 0001-01-01 to our own epoch once, which avoids a bigint for each of a hundred thousand rows.
    const shift = subtract(SINCE_YEAR_1, floorTo(SINCE_YEAR_1, fixed) as Int)
    return row => { const time = given(row); return time === null ? null : subtract(floorTo(add(time as Int, shift), fixed) as Int, shift) }
  }
  return row => binned(given(row), step.of(row), type)
}

const binAt: ScalarFunction = ({ args: [value, size, anchor] }) => {
  const type = binType(value.type, size.type)
  const span = type === 'datetime' ? 'timespan' : type
  const [given, step, from] = [cast(value, type).of, cast(size, span).of, cast(anchor, type).of]
  return row => {
    const [x, y, z] = [given(row), step(row), from(row)]
    if (x === null || y === null || z === null) return null
    if (type === 'real') return Number(z) + Math.floor((Number(x) - Number(z)) / Number(y)) * Number(y)
    const floored = floorTo(subtract(x as Int, z as Int), y as Int)
    return floored === null ? null : add(z as Int, floored)
  }
}

/** bin() by the size and the starting point that the query sets. */
const binAuto: ScalarFunction = call => {
  const { options } = call.context.scope.run
  const [value, size, anchor] = [call.args[0], options.get('query_bin_auto_size'), options.get('query_bin_auto_at')]
  if (size === undefined) throw wrong('bin_auto() needs a size: begin the query with set query_bin_auto_size=1h;', call.node)
  return anchor === undefined ? bin({ ...call, args: [value, size] }) : binAt({ ...call, args: [value, size, anchor] })
}

const bits = (compute: (a: bigint, b: bigint) => bigint): ScalarFunction => over(['long'], (a: Int, b: Int = 0) => wrap(compute(BigInt(a), BigInt(b))))

function gamma (x: number): number {
  if (x < 0.5) return Math.PI / (Math.sin(Math.PI * x) * gamma(1 - x))
  const terms = [676.5203681218851, -1259.1392167224028, 771.32342877765313, -176.61502916214059, 12.507343278686905, -0.13857109526572012, 9.9843695780195716e-6, 1.5056327351493116e-7]
  const sum = terms.reduce((total, term, index) => total + term / (x - 1 + index + 1), 0.99999999999980993)
  const t = x - 1 + terms.length - 0.5
  return Math.sqrt(2 * Math.PI) * t ** (x - 0.5) * Math.exp(-t) * sum
}

/** Negative numbers as their two's complement, in as many bits as their type has. */
const hexadecimal: ScalarFunction = call => {
  const bits = call.args[0].type === 'int' ? 32 : 64
  return over(['long'], (value: Int, digits: Int = 0) => BigInt.asUintN(bits, BigInt(value)).toString(16).padStart(Number(digits), '0'))(call)
}

export const math: Readonly<Record<string, ScalarFunction>> = {
  bin,
  floor: bin,
  bin_at: binAt,
  bin_auto: binAuto,
  round: rounded,
  abs: kept(value => value < 0 ? negate(value) : value, Math.abs, value => value.unscaled < 0n ? new Decimal(-value.unscaled, value.scale) : value),
  sign: kept(value => value > 0 ? 1 : value < 0 ? -1 : 0, value => value > 0 ? 1 : value < 0 ? -1 : 0, value => new Decimal(value.unscaled > 0n ? 1n : value.unscaled < 0n ? -1n : 0n, 0)),
  ceiling: kept(value => value, Math.ceil, value => new Decimal(-value.unscaled, value.scale).floor().multiply(new Decimal(-1n, 0))),
  sqrt: real(Math.sqrt),
  exp: real(Math.exp),
  exp2: real(value => 2 ** value),
  exp10: real(value => 10 ** value),
  log: over(['real'], (value: number) => finite(Math.log(value))),
  log2: over(['real'], (value: number) => finite(Math.log2(value))),
  log10: over(['real'], (value: number) => finite(Math.log10(value))),
  pow: real((base, exponent) => base ** exponent),
  sin: real(Math.sin),
  cos: real(Math.cos),
  tan: real(Math.tan),
  cot: real(value => 1 / Math.tan(value)),
  asin: real(Math.asin),
  acos: real(Math.acos),
  atan: real(Math.atan),
  atan2: real(Math.atan2),
  degrees: real(value => value * 180 / Math.PI),
  radians: real(value => value * Math.PI / 180),
  pi: () => () => Math.PI,
  gamma: real(gamma),
  loggamma: real(value => Math.log(gamma(value))),
  isnan: over(['real'], Number.isNaN),
  isinf: over(['real'], (value: number) => value === Infinity || value === -Infinity),
  isfinite: over(['real'], Number.isFinite),
  rand: ({ args: [most] }) => most === undefined ? () => Math.random() : row => { const limit = Number(most.of(row)); return limit <= 1 ? Math.random() : Math.floor(Math.random() * limit) },
  binary_and: bits((a, b) => a & b),
  binary_or: bits((a, b) => a | b),
  binary_xor: bits((a, b) => a ^ b),
  binary_not: bits(a => ~a),
  binary_shift_left: bits((a, b) => a << (b & 63n)),
  binary_shift_right: bits((a, b) => a >> (b & 63n)),
  bitset_count_ones: over(['long'], (value: Int) => BigInt.asUintN(64, BigInt(value)).toString(2).replace(/0/g, '').length),
  tohex: hexadecimal
}
