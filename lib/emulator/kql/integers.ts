/** 64-bit integers like the engine's: a number if that is exact, a bigint beyond that; overflow wraps around. */

export type Int = number | bigint

const MIN = BigInt(Number.MIN_SAFE_INTEGER)
const MAX = BigInt(Number.MAX_SAFE_INTEGER)

/** The canonical form of an integer, so that equal ones are `===` and the same Map key. */
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
    // -0 is not an integer.
    if (Number.isSafeInteger(product)) return product === 0 ? 0 : product
  }
  return wrap(BigInt(a) * BigInt(b))
}

/** Rounds toward zero. Null if the divisor is 0. */
export function divide (a: Int, b: Int): Int | null {
  if (b === 0) return null
  if (typeof a === 'number' && typeof b === 'number') {
    const quotient = Math.trunc(a / b)
    // Above 2^53 / b, dividing two doubles may round up to the next integer.
    if (Math.abs(a) < 2 ** 51) return quotient === 0 ? 0 : quotient
  }
  return wrap(BigInt(a) / BigInt(b))
}

/** Never negative, whatever the signs. Null if the divisor is 0. */
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

/** The largest multiple of a step that is not above the value. Null if the step is not positive. */
export function floorTo (value: Int, step: Int): Int | null {
  if (step <= 0) return null
  return subtract(value, modulo(value, step) as Int)
}

export function negate (value: Int): Int {
  return subtract(0, value)
}

/** A double → integer, truncated; null if it is NaN or out of range. */
export function fromReal (value: number): Int | null {
  if (!Number.isFinite(value)) return null
  const whole = Math.trunc(value)
  if (Number.isSafeInteger(whole)) return whole === 0 ? 0 : whole
  // Like the CPUs that the real engine runs on: out-of-range values become the smallest integer.
  if (whole >= 2 ** 63 || whole < -(2 ** 63)) return wrap(-(2n ** 63n))
  return wrap(BigInt(whole))
}

export function toInt32 (value: Int): Int {
  return Number(BigInt.asIntN(32, BigInt(value)))
}
