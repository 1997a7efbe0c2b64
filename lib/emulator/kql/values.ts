/** What a cell may hold, by its column's type, and the tables that operators hand on. */
import { Decimal } from './decimal'

export type Scalar = 'bool' | 'datetime' | 'dynamic' | 'guid' | 'int' | 'long' | 'real' | 'decimal' | 'string' | 'timespan'

export interface Column { name: string, type: Scalar }

/**
 * A double within a dynamic value that would read as an integer: 1.0, NaN, Infinity. Other numbers there are plain:
 * whole ones are longs. Outside dynamic values the column's type tells.
 */
export class Double {
  constructor (readonly value: number) {}
}

/** A dynamic value of a stored row, kept as its text: it is read where a query asks for it. */
export class JsonText {
  constructor (readonly text: string) {}
}

/** A property bag keeps the order of its keys, and any key is a plain one. */
export type Bag = Map<string, Value>

/**
 * `long`, `int`: number or bigint (see integers.ts). `datetime`: such an integer of 100 ns ticks since 2020-01-01,
 * which keeps today's times exact numbers. `timespan`: ticks. `string`, `guid`: text; a string is never null.
 */
export type Value = null | boolean | string | number | bigint | Decimal | Double | JsonText | Bag | Value[]

export type Row = readonly Value[]

export interface Table {
  columns: readonly Column[]
  rows: readonly Row[]
  /** Rows have an order that prev(), next() and row_number() may rely on. */
  serialized: boolean
}

/** What a column of this type holds where there is nothing. */
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

/** A number out of a dynamic value, or nothing. */
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
