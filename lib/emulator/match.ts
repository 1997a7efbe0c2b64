/** Row + what a test expects of it → whether it matches. */
import { types } from 'node:util'
import { isObject } from './fields'
import type { Row } from './rows'

/** A value, a pattern for its text, a predicate, or an object whose parts must all match. */
export type Matcher<T> = T | RegExp | ((value: T) => boolean) |
  (T extends object ? { readonly [Key in keyof T]?: Matcher<NonNullable<T[Key]>> } : never)

/** Columns that must match; others are ignored. `undefined` requires a column to be absent. */
export type RowMatch = { readonly [Column in keyof Row]?: Matcher<NonNullable<Row[Column]>> }

/** Some columns, or a predicate. */
export type Match = RowMatch | ((row: Row) => boolean)

export function matches (row: Row, match: Match): boolean {
  return typeof match === 'function' ? match(row) === true : fits(row, match)
}

function fits (value: unknown, wanted: unknown): boolean {
  if (typeof wanted === 'function') return wanted(value) === true
  if (types.isRegExp(wanted)) {
    // A sticky or global pattern would continue from its last match.
    wanted.lastIndex = 0
    return value !== undefined && value !== null && wanted.test(String(value))
  }
  if (Array.isArray(wanted)) {
    return Array.isArray(value) && value.length === wanted.length && wanted.every((part, index) => fits(value[index], part))
  }
  if (isObject(wanted)) {
    return typeof value === 'object' && value !== null &&
      Object.entries(wanted).every(([key, part]) => fits(Object.hasOwn(value, key) ? value[key as keyof typeof value] : undefined, part))
  }
  return Object.is(value, wanted)
}

/** The match as one readable line. */
export function describe (match: Match): string {
  return typeof match === 'function' ? `the function ${match.name || 'given'}` : show(match)
}

function show (wanted: unknown): string {
  if (typeof wanted === 'function') return `[function ${wanted.name}]`
  if (types.isRegExp(wanted)) return String(wanted)
  if (Array.isArray(wanted)) return `[${wanted.map(show).join(', ')}]`
  if (isObject(wanted)) return `{ ${Object.entries(wanted).map(([key, part]) => `${key}: ${show(part)}`).join(', ')} }`
  return typeof wanted === 'string' ? `'${wanted}'` : String(wanted)
}
