/** Filters as the service sends them → checked tests of an item's columns. */
import type { Item, ItemType } from './items'
import type { FilterGroup, FilterInfo } from './protocol'

/** An invalid filter. The message is sent back to the person who set it. */
export class FilterError extends Error {}

export type Test = (item: Item) => boolean

const ORDER = new Set(['GreaterThan', 'GreaterThanOrEqual', 'LessThan', 'LessThanOrEqual'])
const TEXT = new Set(['Contains', 'DoesNotContain'])
const EQUALITY = new Set(['Equal', 'NotEqual'])

const COLUMNS: Readonly<Record<ItemType, ReadonlySet<string>>> = {
  Request: new Set(['Name', 'Url', 'ResponseCode', 'Success', 'Duration']),
  Dependency: new Set(['Name', 'Target', 'Type', 'Data', 'ResultCode', 'Success', 'Duration']),
  Exception: new Set(['Exception.Message', 'Exception.StackTrace']),
  Trace: new Set(['Message']),
  Event: new Set(['Name'])
}
export const ITEM_TYPES = Object.keys(COLUMNS) as ItemType[]
const CUSTOM = 'CustomDimensions.'

export function isItemType (type: unknown): type is ItemType {
  return typeof type === 'string' && Object.hasOwn(COLUMNS, type)
}

/** All filters of one group must match. @throws FilterError */
export function compileGroup (type: ItemType, group: FilterGroup): Test {
  const tests = (group?.Filters ?? []).map(filter => compile(type, filter))
  return item => tests.every(test => test(item))
}

function compile (type: ItemType, { FieldName: field, Predicate: predicate, Comparand: comparand }: FilterInfo): Test {
  if (typeof field !== 'string' || field === '') throw new FilterError('A filter must have a field name.')
  if (typeof comparand !== 'string') throw new FilterError('A filter must have a comparand.')
  if (!ORDER.has(predicate) && !TEXT.has(predicate) && !EQUALITY.has(predicate)) throw new FilterError(`'${predicate}' is not a valid predicate.`)
  if (field === '*') {
    if (!TEXT.has(predicate)) throw unsupported(predicate, field)
    return anyField(predicate, comparand)
  }
  if (field.startsWith(CUSTOM)) return customDimension(field.slice(CUSTOM.length), predicate, comparand)
  if (!COLUMNS[type].has(field)) throw new FilterError(`'${field}' is not a valid field name for the telemetry type ${type}.`)
  if (field === 'Success') return successTest(predicate, comparand)
  if (field === 'Duration') return numberTest(item => item.duration, field, predicate, milliseconds(comparand))
  if (field === 'ResponseCode' || field === 'ResultCode') return numberTest(item => Number(item.columns[field]), field, predicate, Number.parseFloat(comparand))
  if (ORDER.has(predicate)) throw unsupported(predicate, field)
  const test = textTest(predicate, comparand)
  return item => test(item.columns[field] ?? '')
}

function unsupported (predicate: string, field: string): FilterError {
  return new FilterError(`The predicate '${predicate}' is not supported for the field name '${field}'.`)
}

/** `Contains` matches if any field contains the text, `DoesNotContain` if no field does. */
function anyField (predicate: string, comparand: string): Test {
  const contains = textTest('Contains', comparand)
  const has = (item: Item): boolean => contains(String(item.duration ?? '')) || contains(String(item.success ?? '')) ||
    Object.values(item.columns).some(contains) || Object.values(item.properties).some(contains)
  return predicate === 'Contains' ? has : item => !has(item)
}

function customDimension (name: string, predicate: string, comparand: string): Test {
  if (ORDER.has(predicate)) throw unsupported(predicate, CUSTOM + name)
  const test = textTest(predicate, comparand)
  return ({ properties }) => Object.hasOwn(properties, name) && test(properties[name])
}

function successTest (predicate: string, comparand: string): Test {
  const wanted = comparand.toLowerCase()
  if (!EQUALITY.has(predicate)) throw unsupported(predicate, 'Success')
  if (wanted !== 'true' && wanted !== 'false') throw new FilterError(`The comparand '${comparand}' is not a valid boolean value for the field name Success.`)
  return item => (item.success === (wanted === 'true')) === (predicate === 'Equal')
}

function numberTest (of: (item: Item) => number | undefined, field: string, predicate: string, comparand: number): Test {
  if (TEXT.has(predicate)) throw unsupported(predicate, field)
  if (Number.isNaN(comparand)) throw new FilterError(`The comparand of ${field} can't be read as a number.`)
  const compare = COMPARE[predicate]
  return item => compare(of(item) ?? NaN, comparand)
}

const COMPARE: Readonly<Record<string, (value: number, comparand: number) => boolean>> = {
  Equal: (value, comparand) => value === comparand,
  NotEqual: (value, comparand) => value !== comparand,
  GreaterThan: (value, comparand) => value > comparand,
  GreaterThanOrEqual: (value, comparand) => value >= comparand,
  LessThan: (value, comparand) => value < comparand,
  LessThanOrEqual: (value, comparand) => value <= comparand
}

function textTest (predicate: string, comparand: string): (value: string) => boolean {
  const wanted = comparand.toLowerCase()
  switch (predicate) {
    case 'Equal': return value => value === comparand
    case 'NotEqual': return value => value !== comparand
    case 'Contains': return value => value.toLowerCase().includes(wanted)
    default: return value => !value.toLowerCase().includes(wanted)
  }
}

/** `days.hours:minutes:seconds` → milliseconds; NaN if it is invalid. */
export function milliseconds (timespan: string): number {
  const parts = /^(?:(\d+)\.)?(\d+):(\d+):(\d+(?:\.\d*)?|\.\d+)$/.exec(timespan.trim())
  if (parts === null) return NaN
  const [days = 0, hours, minutes, seconds] = parts.slice(1).map(part => part === undefined ? undefined : Number(part)) as [number | undefined, number, number, number]
  return ((days * 24 + hours) * 60 + minutes) * 60_000 + seconds * 1_000
}
