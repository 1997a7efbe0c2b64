/** 64-bit integers as the engine has them: a number where it is exact, a bigint beyond that, and overflow that wraps around. */

export type Int = number | bigint

const MIN = BigInt(Number.MIN_SAFE_INTEGER)
const MAX = BigInt(Number.MAX_SAFE_INTEGER)

/** The one form that each integer has, so that equal ones are `===` and the same key of a Map. */
export function wrap (value: bigint): Int {
  const wrapped = BigInt.asIntN(64, value)
  return wrapped >= MIN && wrapped <= MAX ? Number(wrapped) : wrapped
}

export function add (a: Int, b: Int): Int {
  if (typeof a === 'number' && typeof b === 'number') {
    const sum = a + b
    if (Number.isSafeInteger(sum)) return sum
  }
  return wrap(BigInt(a) + BigInt(b))
}

export function subtract (a: Int, b: Int): Int {
  if (typeof a === 'number' && typeof b === 'number') {
    const difference = a - b
    if (Number.isSafeInteger(difference)) return difference
  }
  return wrap(BigInt(a) - BigInt(b))
}

export function multiply (a: Int, b: Int): Int {
  if (typeof a === 'number' && typeof b === 'number') {
    const product = a * b
    // -0 is no integer.
    if (Number.isSafeInteger(product)) return product === 0 ? 0 : product
  }
  return wrap(BigInt(a) * BigInt(b))
}

/** Towards zero. Nothing where the divisor is 0. */
export function divide (a: Int, b: Int): Int | null {
  if (b === 0) return null
  if (typeof a === 'number' && typeof b === 'number') {
    const quotient = Math.trunc(a / b)
    // Above 2^53 / b the division of two doubles may round up to the next whole number.
    if (Math.abs(a) < 2 ** 51) return quotient === 0 ? 0 : quotient
  }
  return wrap(BigInt(a) / BigInt(b))
}

/** Never negative, whatever the signs are. Nothing where the divisor is 0. */
export function modulo (a: Int, b: Int): Int | null {
  if (b === 0) return null
  if (typeof a === 'number' && typeof b === 'number') {
    const rest = a % b
    return rest < 0 ? rest + Math.abs(b) : rest === 0 ? 0 : rest
  }
  const divisor = BigInt(b) < 0n ? -BigInt(b) : BigInt(b)
  const rest = BigInt(a) % divisor
  return wrap(rest < 0n ? rest + divisor : rest)
}

/** The largest multiple of a step that is not above the value. Nothing where the step is not above 0. */
export function floorTo (value: Int, step: Int): Int | null {
  if (step <= 0) return null
  return subtract(value, modulo(value, step) as Int)
}

export function negate (value: Int): Int {
  return subtract(0, value)
}

/** A double → integer, its fraction cut off; nothing where it is no number or out of range. */
export function fromReal (value: number): Int | null {
  if (!Number.isFinite(value)) return null
  const whole = Math.trunc(value)
  if (Number.isSafeInteger(whole)) return whole === 0 ? 0 : whole
  // As the processor does it that the real engine runs on: what does not fit becomes the smallest.
  if (whole >= 2 ** 63 || whole < -(2 ** 63)) return wrap(-(2n ** 63n))
  return wrap(BigInt(whole))
}

export function toInt32 (value: Int): Int {
  return Number(BigInt.asIntN(32, BigInt(value)))
}
