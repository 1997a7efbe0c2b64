/** sum, avg, min, max, stdev, variance, and their conditional forms. */
import { Decimal } from '../decimal'
import { order, orderDynamic } from '../compare'
import { fromReal, add, type Int } from '../integers'
import { numberIn, type Scalar, type Value } from '../values'
import { over, type AggregateFunction } from './define'

function sum (type: Scalar) {
  if (type === 'decimal') {
    let total = new Decimal(0n, 0)
    return { take (value: Value) { total = total.add(value as Decimal) }, result: (): Value => total }
  }
  if (type === 'real' || type === 'dynamic') {
    let total = 0
    return { take (value: Value) { total += numberIn(value) ?? 0 }, result: (): Value => total }
  }
  let total: Int = 0
  return { take (value: Value) { total = add(total, type === 'bool' ? Number(value) : value as Int) }, result: (): Value => total }
}

function average (type: Scalar) {
  const total = sum(type)
  let count = 0
  return {
    take (value: Value) {
      count++
      total.take(value)
    },
    result (): Value {
      const whole = total.result()
      if (whole instanceof Decimal) return count === 0 ? null : whole.divide(new Decimal(BigInt(count), 0))
      if (type === 'timespan' || type === 'datetime') return count === 0 ? null : fromReal(Number(whole) / count)
      return count === 0 ? NaN : Number(whole) / count
    }
  }
}

/** NaN is both the smallest and the largest. */
function extreme (sign: 1 | -1) {
  return (type: Scalar) => {
    let best: Value = null
    const compare = type === 'dynamic' ? orderDynamic : order
    return {
      take (value: Value) {
        if (best === null || (!Number.isNaN(best) && (Number.isNaN(value) || compare(value, best) * sign > 0))) best = value
      },
      result: () => type === 'string' ? best ?? '' : best
    }
  }
}

/** Welford's method, which stays precise if the mean is large. */
function spread (finish: (squares: number, count: number) => number) {
  return () => {
    let count = 0
    let mean = 0
    let squares = 0
    return {
      take (given: Value) {
        const value = numberIn(given) ?? 0
        const distance = value - mean
        mean += distance / ++count
        squares += distance * (value - mean)
      },
      result: () => count === 0 ? 0 : finish(squares, count)
    }
  }
}

const sample = (squares: number, count: number): number => count < 2 ? squares * 0 : squares / (count - 1)
const population = (squares: number, count: number): number => squares / count

const SPREADS: Record<string, (squares: number, count: number) => number> = {
  variance: sample,
  variancep: population,
  varp: population,
  stdev: (squares, count) => Math.sqrt(sample(squares, count)),
  stdevp: (squares, count) => Math.sqrt(population(squares, count))
}

function bits (combine: (a: bigint, b: bigint) => bigint) {
  return () => {
    let found: bigint | undefined
    return {
      take (value: Value) { found = found === undefined ? BigInt(value as Int) : combine(found, BigInt(value as Int)) },
      result: (): Value => found === undefined ? null : add(BigInt.asIntN(64, found), 0)
    }
  }
}

export const totals: Readonly<Record<string, AggregateFunction>> = {
  sum: over(sum),
  sumif: over(sum, { conditional: true }),
  avg: over(average),
  avgif: over(average, { conditional: true }),
  min: over(extreme(-1)),
  minif: over(extreme(-1), { conditional: true }),
  max: over(extreme(1)),
  maxif: over(extreme(1), { conditional: true }),
  binary_all_and: over(bits((a, b) => a & b)),
  binary_all_or: over(bits((a, b) => a | b)),
  binary_all_xor: over(bits((a, b) => a ^ b)),
  ...Object.fromEntries(Object.entries(SPREADS).flatMap(([name, finish]) => [
    [name, over(spread(finish), { as: 'real' })],
    [`${name}if`, over(spread(finish), { conditional: true, as: 'real' })]
  ]))
}
