/** Functions for series: lists of numbers, as from make-series. */
import { cast, valueOf, type Expression, type ScalarFunction, type TupleFunction } from '../expression'
import { numberIn, realIn, type Row, type Value } from '../values'
import { withNulls } from './define'
import { keyOf } from '../compare'
import { toDynamic } from '../dynamic'

function numbers (value: Value): Array<number | null> {
  return Array.isArray(value) ? value.map(numberIn) : []
}

const real = (value: number | null): Value => value === null ? null : realIn(value)

/** Element by element; a single number is repeated for the whole list. */
function pairwise (compute: (a: number, b: number) => number | boolean): ScalarFunction {
  return withNulls(['dynamic'], (a: Value, b: Value) => {
    if (!Array.isArray(a) && !Array.isArray(b)) return null
    const length = Math.max(Array.isArray(a) ? a.length : 0, Array.isArray(b) ? b.length : 0)
    const at = (value: Value, index: number): number | null => numberIn(Array.isArray(value) ? value[index] ?? null : value)
    return Array.from({ length }, (_, index) => {
      const [x, y] = [at(a, index), at(b, index)]
      if (x === null || y === null) return null
      const made = compute(x, y)
      return typeof made === 'boolean' ? made : realIn(made)
    })
  })
}

function each (compute: (value: number) => number): ScalarFunction {
  return withNulls(['dynamic'], (list: Value) => Array.isArray(list) ? numbers(list).map(value => value === null ? null : realIn(compute(value))) : null)
}

/** Which elements count as missing: null, or what the query specifies. */
function gaps ({ args }: { args: Expression[] }): (value: Value) => boolean {
  const placeholder = args[1] === undefined ? null : valueOf(cast(args[1], 'dynamic'))
  const key = keyOf(placeholder)
  return value => value === null || keyOf(value) === key
}

const fillLinear: ScalarFunction = call => {
  const { args: [list, , edges, otherwise] } = call
  const missing = gaps(call)
  const fillEdges = edges === undefined || valueOf(edges) !== false
  const constant = otherwise === undefined ? 0 : valueOf(cast(otherwise, 'dynamic'))
  return row => {
    const given = list.of(row)
    if (!Array.isArray(given)) return null
    const known = given.flatMap((value, index) => missing(value) ? [] : [index])
    if (known.length === 0) return given.map(() => constant)
    // Whole numbers stay whole.
    const whole = known.every(place => Number.isInteger(given[place]))
    return given.map((value, index) => {
      if (!missing(value)) return value
      const [before, after] = [known.findLast(place => place < index), known.find(place => place > index)]
      if (before === undefined || after === undefined) return fillEdges ? given[before ?? after ?? 0] : value
      const [low, high] = [numberIn(given[before]) ?? 0, numberIn(given[after]) ?? 0]
      const between = low + (high - low) * (index - before) / (after - before)
      return whole ? Math.trunc(between) : realIn(between)
    })
  }
}

function fillFrom (backward: boolean): ScalarFunction {
  return call => {
    const missing = gaps(call)
    return row => {
      const given = call.args[0].of(row)
      if (!Array.isArray(given)) return null
      const filled = [...given]
      for (let step = 1; step < filled.length; step++) {
        const index = backward ? filled.length - 1 - step : step
        const from = backward ? index + 1 : index - 1
        if (missing(filled[index])) filled[index] = filled[from]
      }
      return filled
    }
  }
}

const fillConst: ScalarFunction = ({ args: [list, constant, placeholder] }) => {
  const value = valueOf(cast(constant, 'dynamic'))
  const missing = gaps({ args: placeholder === undefined ? [list] : [list, placeholder] })
  return row => { const given = list.of(row); return Array.isArray(given) ? given.map(one => missing(one) ? value : one) : null }
}

/** y[i] = Σ b[j]·x[i-j] − Σ a[j]·y[i-j], over a[0]. */
function recursive (given: Value, numerators: Value, denominators: Value): Value {
  const [x, b, a] = [given, numerators, denominators].map(numbers)
  if (a.length === 0 || !a[0]) return null
  const y: number[] = []
  x.forEach((_, i) => {
    let sum = 0
    b.forEach((weight, j) => { if (i >= j) sum += (weight ?? 0) * (x[i - j] ?? 0) })
    a.forEach((weight, j) => { if (j > 0 && i >= j) sum -= (weight ?? 0) * y[i - j] })
    y.push(sum / (a[0] as number))
  })
  return y.map(realIn)
}

const fir: ScalarFunction = ({ args: [list, filter, normalize, center] }) => {
  const weights = numbers(valueOf(filter)).map(weight => weight ?? 0)
  const total = weights.reduce((sum, weight) => sum + weight, 0)
  const scale = (normalize === undefined || valueOf(normalize) !== false) && total !== 0 ? total : 1
  const shift = center !== undefined && valueOf(center) === true ? Math.floor(weights.length / 2) : 0
  return row => {
    const given = list.of(row)
    if (!Array.isArray(given)) return null
    const x = numbers(given)
    return x.map((_, index) => realIn(weights.reduce((sum, weight, place) => sum + weight * (x[index + shift - place] ?? 0), 0) / scale))
  }
}

interface Line { rsquare: number, slope: number, variance: number, rvariance: number, interception: number, line: Value }

function fit (list: Value): Line {
  const y = numbers(list).map(value => value ?? 0)
  const n = y.length
  const [meanX, meanY] = [(n - 1) / 2, y.reduce((sum, value) => sum + value, 0) / n]
  let [xy, xx, yy] = [0, 0, 0]
  y.forEach((value, x) => {
    xy += (x - meanX) * (value - meanY)
    xx += (x - meanX) ** 2
    yy += (value - meanY) ** 2
  })
  const slope = xx === 0 ? 0 : xy / xx
  const interception = meanY - slope * meanX
  const rest = y.reduce((sum, value, x) => sum + (value - interception - slope * x) ** 2, 0)
  return { rsquare: yy === 0 ? 0 : 1 - rest / yy, slope, variance: n < 2 ? 0 : yy / (n - 1), rvariance: n < 2 ? 0 : rest / (n - 1), interception, line: y.map((_, x) => realIn(interception + slope * x)) }
}

interface Stats { min: number | null, minIndex: number, max: number | null, maxIndex: number, avg: number | null, stdev: number | null, variance: number | null, sum: number | null, length: number }

function stats (list: Value): Stats {
  const all = numbers(list)
  const known = all.filter(value => value !== null && Number.isFinite(value)) as number[]
  if (known.length === 0) return { min: null, minIndex: -1, max: null, maxIndex: -1, avg: null, stdev: null, variance: null, sum: null, length: all.length }
  const [min, max] = [known.reduce((a, b) => Math.min(a, b)), known.reduce((a, b) => Math.max(a, b))]
  const sum = known.reduce((total, value) => total + value, 0)
  const avg = sum / known.length
  const variance = known.length < 2 ? 0 : known.reduce((sum, value) => sum + (value - avg) ** 2, 0) / (known.length - 1)
  return { min, minIndex: all.indexOf(min), max, maxIndex: all.indexOf(max), avg, stdev: Math.sqrt(variance), variance, sum, length: all.length }
}

const dynamicStats: ScalarFunction = withNulls(['dynamic'], (list: Value) => {
  const { min, minIndex, max, maxIndex, avg, stdev, variance, sum, length } = stats(list)
  return new Map<string, Value>([['min', real(min)], ['min_idx', minIndex], ['max', real(max)], ['max_idx', maxIndex], ['avg', real(avg)], ['stdev', real(stdev)], ['variance', real(variance)], ['sum', real(sum)], ['len', length]])
})

const dynamicLine: ScalarFunction = withNulls(['dynamic'], (list: Value) => {
  const { rsquare, slope, variance, rvariance, interception, line } = fit(list)
  return new Map<string, Value>([['rsquare', realIn(rsquare)], ['slope', realIn(slope)], ['variance', realIn(variance)], ['rvariance', realIn(rvariance)], ['interception', realIn(interception)], ['line_fit', line]])
})

/** The correlation of two series, from -1 to 1. */
function correlation (a: Value, b: Value): Value {
  const [x, y] = [numbers(a), numbers(b)].map(list => list.map(value => value ?? NaN))
  if (x.length !== y.length || x.length === 0) return null
  const [meanX, meanY] = [x, y].map(list => list.reduce((sum, value) => sum + value, 0) / list.length)
  const products = (p: number[], q: number[], p0: number, q0: number): number => p.reduce((sum, value, index) => sum + (value - p0) * (q[index] - q0), 0)
  return products(x, y, meanX, meanY) / Math.sqrt(products(x, x, meanX, meanX) * products(y, y, meanY, meanY))
}

function total (list: Value, start: number, combine: (a: number, b: number) => number): Value {
  return Array.isArray(list) ? numbers(list).reduce<number>((sum, value) => combine(sum, value ?? 0), start) : null
}

/** A single number is repeated for the whole list. */
function dotProduct (a: Value, b: Value): number | null {
  const [x, y] = [a, b].map(each => Array.isArray(each) ? numbers(each) : numberIn(each))
  if (Array.isArray(x)) return x.reduce<number>((sum, value, index) => sum + (value ?? 0) * ((Array.isArray(y) ? y[index] : y) ?? 0), 0)
  return Array.isArray(y) ? dotProduct(b, a) : null
}

function magnitude (list: Value): number {
  return Math.sqrt(numbers(list).reduce<number>((sum, value) => sum + (value ?? 0) ** 2, 0))
}

export const series: Readonly<Record<string, ScalarFunction>> = {
  series_add: pairwise((a, b) => a + b),
  series_subtract: pairwise((a, b) => a - b),
  series_multiply: pairwise((a, b) => a * b),
  series_divide: pairwise((a, b) => a / b),
  series_pow: pairwise((a, b) => a ** b),
  series_greater: pairwise((a, b) => a > b),
  series_greater_equals: pairwise((a, b) => a >= b),
  series_less: pairwise((a, b) => a < b),
  series_less_equals: pairwise((a, b) => a <= b),
  series_equals: pairwise((a, b) => a === b),
  series_not_equals: pairwise((a, b) => a !== b),
  series_abs: each(Math.abs),
  series_ceiling: each(Math.ceil),
  series_floor: each(Math.floor),
  series_exp: each(Math.exp),
  series_log: each(Math.log),
  series_sign: each(Math.sign),
  series_sin: each(Math.sin),
  series_cos: each(Math.cos),
  series_tan: each(Math.tan),
  series_asin: each(Math.asin),
  series_acos: each(Math.acos),
  series_atan: each(Math.atan),
  series_sum: withNulls(['dynamic'], (list: Value) => total(list, 0, (a, b) => a + b)),
  series_product: withNulls(['dynamic'], (list: Value) => total(list, 1, (a, b) => a * b)),
  series_dot_product: withNulls(['dynamic'], dotProduct),
  series_magnitude: withNulls(['dynamic'], (list: Value) => Array.isArray(list) ? magnitude(list) : null),
  series_cosine_similarity: withNulls(['dynamic'], (a: Value, b: Value) => { const product = dotProduct(a, b); return product === null ? null : product / (magnitude(a) * magnitude(b)) }),
  series_pearson_correlation: withNulls(['dynamic'], correlation),
  series_fill_linear: fillLinear,
  series_fill_forward: fillFrom(false),
  series_fill_backward: fillFrom(true),
  series_fill_const: fillConst,
  series_iir: withNulls(['dynamic'], recursive),
  series_fir: fir,
  series_stats_dynamic: dynamicStats,
  series_fit_line_dynamic: dynamicLine
}

const list = ({ args: [first] }: { args: Expression[] }): ((row: Row) => Value) => row => toDynamic(first.of(row), first.type)

export const seriesTuples: Readonly<Record<string, TupleFunction>> = {
  series_stats (call) {
    const of = list(call)
    return row => { const { min, minIndex, max, maxIndex, avg, stdev, variance } = stats(of(row)); return [min, minIndex, max, maxIndex, avg, stdev, variance] }
  },
  series_fit_line (call) {
    const of = list(call)
    return row => { const { rsquare, slope, variance, rvariance, interception, line } = fit(of(row)); return [rsquare, slope, variance, rvariance, interception, line] }
  }
}
