/** The parser's syntax tree as the evaluator reads it: kinds by name, lists as arrays, and the binder's columns. */
import { invalid, unsupported, QueryError } from './errors'
import type { Column, Scalar } from './values'

/** A node or token of @kusto/language-service-next. Which parts it has depends on its kind. */
export interface Syntax {
  readonly Kind: number
  readonly TextStart: number
  /** Where the spaces and comments before it start. */
  readonly TriviaStart: number
  readonly End: number
  readonly ChildCount: number
  readonly Parent: Syntax | null
  readonly ResultType: TypeSymbol | null
  readonly ReferencedSymbol: { Name: string, constructor: { $$fullname?: string } } | null
  GetChild (index: number): Syntax | null
  ToString (): string
  readonly [part: string]: unknown
}

interface TypeSymbol {
  Name: string
  Columns?: List<{ Name: string, Type: TypeSymbol }>
}

export interface List<T> { Count: number, getItem (index: number): T }

let kinds: readonly string[] = []

/** Called once, after the parser is loaded. */
export function setKinds (names: readonly string[]): void {
  kinds = names
}

export function kindOf (node: Syntax): string {
  return kinds[node.Kind] ?? 'Unknown'
}

/** A part that every node of this kind has. */
export function part (node: Syntax, name: string): Syntax {
  const found = optional(node, name)
  if (found === undefined) throw unsupported(`${kindOf(node)} without ${name}`, placeOf(node))
  return found
}

export function optional (node: Syntax | undefined, name: string): Syntax | undefined {
  const found = node?.[name] as Syntax | null | undefined
  return found ?? undefined
}

/** The elements of a list, without separators. */
export function list (node: Syntax | undefined, name: string): Syntax[] {
  const elements = node?.[name] as Syntax | null | undefined
  if (elements === null || elements === undefined) return []
  const found: Syntax[] = []
  for (let index = 0; index < elements.ChildCount; index++) {
    const element = elements.GetChild(index)
    if (element === null) continue
    found.push(kindOf(element) === 'SeparatedElement' ? part(element, 'Element') : element)
  }
  return found
}

export function args (call: Syntax): Syntax[] {
  return list(part(call, 'ArgumentList'), 'Expressions')
}

/** The name of a name node, declaration or reference. */
export function nameOf (node: Syntax): string {
  const name = node.SimpleName
  return typeof name === 'string' ? name : node.ToString().trim()
}

export function tokenText (node: Syntax | undefined): string {
  return typeof node?.Text === 'string' ? node.Text : node?.ToString().trim() ?? ''
}

/** `kind=leftouter` and so on, with lower-case names. */
export function parameters (node: Syntax, name = 'Parameters'): Map<string, string> {
  return new Map(list(node, name).map(each => {
    const value = part(each, 'Expression')
    const literal = value.LiteralValue
    return [nameOf(part(each, 'Name')).toLowerCase(), typeof literal === 'string' ? literal : value.ToString().trim()]
  }))
}

const SCALARS = new Set(['bool', 'datetime', 'dynamic', 'guid', 'int', 'long', 'real', 'decimal', 'string', 'timespan'])
const ALIASES: Readonly<Record<string, Scalar>> = {
  boolean: 'bool', date: 'datetime', time: 'timespan', double: 'real', float: 'real', uuid: 'guid', uniqueid: 'guid', int32: 'int', int64: 'long', uint: 'int', ulong: 'long', uint32: 'int', uint64: 'long'
}

export function scalarNamed (name: string): Scalar {
  const small = name.toLowerCase()
  if (SCALARS.has(small)) return small as Scalar
  // An unknown type is part of a dynamic value.
  return ALIASES[small] ?? 'dynamic'
}

export function typeOf (node: Syntax): Scalar {
  return scalarNamed(node.ResultType?.Name ?? 'dynamic')
}

/** The columns that an expression or operator returns, according to the binder. */
export function columnsOf (node: Syntax): Column[] {
  const columns = node.ResultType?.Columns
  if (columns === undefined || columns === null) return []
  return Array.from({ length: columns.Count }, (_, index) => {
    const { Name, Type } = columns.getItem(index)
    return { name: Name, type: scalarNamed(Type.Name) }
  })
}

export function isTabular (node: Syntax): boolean {
  return node.ResultType?.Columns !== undefined && symbolOf(node) !== 'ColumnSymbol' && !/Tuple/.test(typeFullName(node))
}

function typeFullName (node: Syntax): string {
  return (node.ResultType as unknown as { constructor: { $$fullname?: string } } | null)?.constructor.$$fullname ?? ''
}

/** ColumnSymbol, VariableSymbol, ParameterSymbol, FunctionSymbol, TableSymbol … */
export function symbolOf (node: Syntax): string {
  return node.ReferencedSymbol?.constructor.$$fullname?.split('.').at(-1) ?? ''
}

/** A position in the running text, for error messages. */
export interface Place { line: number, column: number }

let text = ''

/** The query whose nodes are being read: one at a time. */
export function setText (query: string): void {
  text = query
}

export function placeAt (offset: number, within = text): Place {
  const before = within.slice(0, offset)
  return { line: before.split('\n').length, column: offset - before.lastIndexOf('\n') }
}

/** Where the trees begin that the binder makes for calls of the query's functions. */
const offsets = new WeakMap<Syntax, number>()

function offsetOf (node: Syntax): number {
  let root = node
  while (root.Parent !== null) root = root.Parent
  return offsets.get(root) ?? 0
}

/** `body`: the binder's copy for one call of what was declared. Its positions are those within the body. */
export function placeBody (body: Syntax, declared: Syntax): void {
  let root = body
  while (root.Parent !== null) root = root.Parent
  offsets.set(root, offsetOf(declared) + declared.TriviaStart)
}

export function placeOf (node: Syntax): Place {
  return placeAt(offsetOf(node) + node.TextStart)
}

export function wrong (message: string, node: Syntax): QueryError {
  return invalid(message, placeOf(node))
}

/** What `compute` returns; an error that has no place yet gets that of the node. */
export function placed<T> (node: Syntax, compute: () => T): T {
  try {
    return compute()
  } catch (error) {
    throw error instanceof QueryError && error.line === undefined && error.code === 'FAI_KQL_INVALID' ? wrong(error.message, node) : error
  }
}

export function lacking (what: string, node: Syntax): QueryError {
  return unsupported(what, placeOf(node))
}

/** A node and its descendants, in text order. */
export function * walk (node: Syntax): Generator<Syntax> {
  yield node
  for (let index = 0; index < node.ChildCount; index++) {
    const child = node.GetChild(index)
    if (child !== null) yield * walk(child)
  }
}
