/** Decimal numbers: an integer and a scale, 34 digits at most. */

const DIGITS = 34

export class Decimal {
  constructor (readonly unscaled: bigint, readonly scale: number) {}

  static from (text: string): Decimal | null {
    const match = /^\s*([+-]?)(\d+)(?:\.(\d*))?(?:[eE]([+-]?\d{1,4}))?\s*$/.exec(text) ?? /^\s*([+-]?)()\.(\d+)(?:[eE]([+-]?\d{1,4}))?\s*$/.exec(text)
    if (match === null) return null
    const [, sign, whole, fraction = '', exponent = '0'] = match
    const unscaled = BigInt(`${whole}${fraction}` || '0')
    return normal(sign === '-' ? -unscaled : unscaled, fraction.length - Number(exponent))
  }

  static fromNumber (value: number | bigint): Decimal | null {
    if (typeof value === 'bigint') return normal(value, 0)
    return Number.isFinite(value) ? Decimal.from(String(value)) : null
  }

  add (other: Decimal): Decimal {
    const scale = Math.max(this.scale, other.scale)
    return normal(this.at(scale) + other.at(scale), scale)
  }

  subtract (other: Decimal): Decimal {
    return this.add(new Decimal(-other.unscaled, other.scale))
  }

  multiply (other: Decimal): Decimal {
    return normal(this.unscaled * other.unscaled, this.scale + other.scale)
  }

  divide (other: Decimal): Decimal | null {
    if (other.unscaled === 0n) return null
    const extra = DIGITS + other.unscaled.toString().length
    return normal(this.unscaled * 10n ** BigInt(extra) / other.unscaled, this.scale - other.scale + extra)
  }

  modulo (other: Decimal): Decimal | null {
    if (other.unscaled === 0n) return null
    const scale = Math.max(this.scale, other.scale)
    const divisor = other.at(scale) < 0n ? -other.at(scale) : other.at(scale)
    const rest = this.at(scale) % divisor
    return normal(rest < 0n ? rest + divisor : rest, scale)
  }

  compare (other: Decimal): number {
    const scale = Math.max(this.scale, other.scale)
    const [a, b] = [this.at(scale), other.at(scale)]
    return a < b ? -1 : a > b ? 1 : 0
  }

  /** Rounds toward minus infinity. */
  floor (): Decimal {
    if (this.scale <= 0) return this
    const unit = 10n ** BigInt(this.scale)
    const whole = this.unscaled / unit
    return normal(this.unscaled < 0n && whole * unit !== this.unscaled ? whole - 1n : whole, 0)
  }

  toBigInt (): bigint {
    return this.scale <= 0 ? this.unscaled * 10n ** BigInt(-this.scale) : this.unscaled / 10n ** BigInt(this.scale)
  }

  toNumber (): number {
    return Number(this.toString())
  }

  toString (): string {
    const digits = (this.unscaled < 0n ? -this.unscaled : this.unscaled).toString().padStart(this.scale + 1, '0')
    const point = digits.length - this.scale
    const text = this.scale <= 0 ? digits + '0'.repeat(-this.scale) : `${digits.slice(0, point)}.${digits.slice(point)}`
    return this.unscaled < 0n ? `-${text}` : text
  }

  private at (scale: number): bigint {
    return this.unscaled * 10n ** BigInt(scale - this.scale)
  }
}

/** The canonical form of a value: no trailing zeros, cut to the maximum number of digits. */
function normal (unscaled: bigint, scale: number): Decimal {
  let [value, places] = [unscaled, scale]
  const excess = value.toString().length - DIGITS - (value < 0n ? 1 : 0)
  if (excess > 0) {
    value /= 10n ** BigInt(excess)
    places -= excess
  }
  while (places > 0 && value % 10n === 0n) {
    value /= 10n
    places--
  }
  if (value === 0n) places = 0
  return new Decimal(value, places)
}
