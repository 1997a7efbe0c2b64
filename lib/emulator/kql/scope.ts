/** What names refer to in a query: let statements, function parameters, tables; and the state that a run shares. */
import { fromMilliseconds } from './datetime'
import { QueryError } from './errors'
import type { Context, Expression } from './expression'
import type { Int } from './integers'
import type { Syntax } from './syntax'
import type { Schema } from './language'
import type { Table } from './values'

export type Binding =
  /** `fromRow`: an argument that differs from row to row, so that no query can use it. */
  { kind: 'scalar', expression: Expression, fromRow?: boolean } |
  /** Evaluated on first use. */
  { kind: 'table', table: () => Table } |
  { kind: 'function', declaration: Syntax, scope: Scope }

/** The name of a subquery's input rows; no query can spell it. */
export const INPUT = '\u0000input'

export class Scope {
  private readonly names = new Map<string, Binding>()

  constructor (readonly run: Run, private readonly outer?: Scope) {}

  find (name: string): Binding | undefined {
    return this.names.get(name) ?? this.outer?.find(name)
  }

  define (name: string, binding: Binding): void {
    this.names.set(name, binding)
  }

  /** For the whole query: names from the `as` operator are visible beyond their pipe. */
  defineEverywhere (name: string, binding: Binding): void {
    if (this.outer === undefined) this.define(name, binding)
    else this.outer.defineEverywhere(name, binding)
  }

  inner (): Scope {
    return new Scope(this.run, this)
  }

  /** For a subquery over existing rows. */
  over (table: Table): Scope {
    const scope = this.inner()
    scope.define(INPUT, { kind: 'table', table: () => table })
    return scope
  }
}

export interface Tables {
  schemas: readonly Schema[]
  rows (name: string): Table['rows']
}

/** The evaluator itself, through which its parts call each other. */
export interface Interpreter {
  compile (node: Syntax, context: Context): Expression
  evaluate (node: Syntax, scope: Scope): Table
}

/** Maximum intermediate rows and cells of one query: a cross join must not fill up the memory. */
const MAX_ROWS = 5_000_000
const MAX_CELLS = 60_000_000
const CHECK_EVERY = 4_096

/** One run of a query. */
export class Run {
  /** now() is constant throughout a query, which may set it. */
  now: Int = fromMilliseconds(Date.now())
  /** The tables that `*`, search and find mean. */
  covered: readonly Schema[] = []
  /** From set statements with a value. */
  readonly options = new Map<string, Expression>()
  private steps = 0
  private made = 0
  private cells = 0

  constructor (readonly tables: Tables, readonly interpreter: Interpreter, private readonly interrupted: () => QueryError | undefined) {}

  /** @returns undefined if no table has this name */
  stored (name: string): Table | undefined {
    const schema = this.tables.schemas.find(each => each.name === name)
    return schema === undefined ? undefined : { columns: schema.columns, rows: this.tables.rows(name), serialized: false }
  }

  /** Called for every row read, so that a query can be stopped. */
  step (): void {
    if (++this.steps % CHECK_EVERY !== 0) return
    const reason = this.interrupted()
    if (reason !== undefined) throw reason
  }

  /** Called for every row created. */
  made1 (width: number): void {
    this.step()
    this.cells += width
    if (++this.made > MAX_ROWS || this.cells > MAX_CELLS) throw new QueryError('FAI_KQL_LIMIT', `The query makes more than ${MAX_ROWS.toLocaleString('en')} rows or ${MAX_CELLS.toLocaleString('en')} cells on its way`)
  }
}
