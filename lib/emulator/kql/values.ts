/** What a cell may hold, by column type, and the tables that operators pass on. */
import { Decimal } from './decimal'

export type Scalar = 'bool' | 'datetime' | 'dynamic' | 'guid' | 'int' | 'long' | 'real' | 'decimal' | 'string' | 'timespan'

export interface Column { name: string, type: Scalar }

/**
 * A double inside a dynamic value that would otherwise read as an integer: 1.0, NaN, Infinity. Other numbers there are
 * plain, and whole ones are longs. Outside dynamic values, the column's type decides.
 */
export class Double {
  constructor (readonly value: number) {}
}

/** A stored row's dynamic value, kept as text and parsed only if a query needs it. */
export class JsonText {
  constructor (readonly text: string) {}
}

/** Property bags keep the order of their keys, and any string can be a key. */
export type Bag = Map<string, Value>

/**
 * `long`, `int`: number or bigint (see integers.ts). `datetime`: such an integer of 100 ns ticks since 2020-01-01,
 * which keeps present-day times exact numbers. `timespan`: ticks. `string`, `guid`: text; a string is never null.
 */
export type Value = null | boolean | string | number | bigint | Decimal | Double | JsonText | Bag | Value[]

export type Row = readonly Value[]

export interface Table {
  columns: readonly Column[]
  rows: readonly Row[]
  /** The rows have an order that prev(), next() and row_number() can rely on. */
  serialized: boolean
}

/** The missing value of a column with this type. */
export function missing (type: Scalar): Value {
  return type === 'string' ? '' : null
}

export function isBag (value: Value | undefined): value is Bag {
  return value instanceof Map
}

export function isInteger (type: Scalar): boolean {
  return type === 'long' || type === 'int'
}

export function isNumeric (type: Scalar): boolean {
  return type === 'long' || type === 'int' || type === 'real' || type === 'decimal'
}

/** The number in a dynamic value, or null. */
export function numberIn (value: Value): number | null {
  if (typeof value === 'number') return value
  if (value instanceof Double) return value.value
  if (typeof value === 'bigint') return Number(value)
  if (value instanceof Decimal) return value.toNumber()
  return null
}

/** A double as part of a dynamic value. */
export function realIn (value: number): Value {
  return Number.isInteger(value) || !Number.isFinite(value) ? new Double(value) : value
}
