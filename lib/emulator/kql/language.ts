/** Microsoft's parser and binder, loaded for the first query: text → syntax tree, errors with positions, completion. */
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import type { Problem, Suggestions } from './completion'
import { QueryError, invalid, unsupported } from './errors'
import { args, kindOf, part, placeAt, setKinds, walk, type List, type Syntax } from './syntax'
import type { Column } from './values'

export const PACKAGE = '@kusto/language-service-next'

interface Diagnostic { Severity: string, Code: string, Message: string, Start: number, Length: number }

interface Code { Syntax: Syntax, ResultType: unknown, GetDiagnostics (): List<Diagnostic> }

interface CompletionItem { DisplayText: string, BeforeText: string | null, AfterText: string | null, Kind: number }

interface CompletionInfo { EditStart: number, EditLength: number, Items: List<CompletionItem> }

interface Symbols {
  TableSymbol: { From (schema: string): { WithName (name: string): unknown } }
  DatabaseSymbol: { $ctor3: new (name: string, alternateName: null, members: unknown[], isOpen: boolean) => unknown }
}

interface Library {
  Symbols: Symbols
  GlobalState: { Default: GlobalState }
  KustoCode: { ParseAndAnalyze (text: string, globals: GlobalState): Code }
  Syntax: { SyntaxKind: Record<string, unknown> }
  Editor: {
    CompletionKind: Record<string, unknown>
    KustoCodeService: { $ctor1: new (text: string, globals: GlobalState) => { GetCompletionItems (position: number): CompletionInfo } }
  }
}

interface GlobalState { WithDatabase (database: unknown): GlobalState }

/** `covered`: the tables that `*`, search and find mean in this query. `unknown`: how many names `isfuzzy=true` passes over. */
export interface Parsed { code: Code, problems: Problem[], covered: readonly Schema[], unknown: number }

let library: Library | undefined

/** Takes about half a second the first time; the first query takes about as long again. */
function load (): Library {
  if (library !== undefined) return library
  const require = createRequire(__filename)
  try {
    const folder = dirname(require.resolve(`${PACKAGE}/package.json`))
    // The package's own entry point is four times the size. Both files define globals, which stay in this thread.
    require(join(folder, 'bridge.min.js'))
    require(join(folder, 'Kusto.Language.Bridge.min.js'))
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'MODULE_NOT_FOUND') throw error
    throw new QueryError('FAI_KQL_NOT_INSTALLED', `KQL needs Microsoft's parser. Run: npm install --save-dev ${PACKAGE}`)
  }
  library = (globalThis as unknown as { Kusto: { Language: Library } }).Kusto.Language
  const kinds: string[] = []
  for (const [name, value] of Object.entries(library.Syntax.SyntaxKind)) if (typeof value === 'number') kinds[value] = name
  setKinds(kinds)
  return library
}

export interface Schema { name: string, columns: readonly Column[] }

export function createLanguage (tables: readonly Schema[]) {
  const { Symbols, GlobalState, KustoCode, Editor } = load()
  const symbols = new Map(tables.map(table => [table, symbol(table)]))
  const globals = withTables(tables, [])
  // A resource has the classic tables, a workspace has its own: `*` means those that fit the query, not every row twice.
  const families = [false, true].map(isWorkspace => tables.filter(({ name }) => name.startsWith('App') === isWorkspace))

  function symbol ({ name, columns }: Schema): unknown {
    const schema = columns.map(column => `['${column.name.replace(/\\/g, '\\\\').replace(/'/g, "\\'")}']: ${column.type}`).join(', ')
    return Symbols.TableSymbol.From(`(${schema})`).WithName(name)
  }

  function withTables (some: readonly Schema[], more: readonly Schema[]): GlobalState {
    return GlobalState.Default.WithDatabase(new Symbols.DatabaseSymbol.$ctor3('emulator', null, [...some.map(each => symbols.get(each)), ...more.map(symbol)], false))
  }

  function parsed (query: string, covered: readonly Schema[], more: readonly Schema[]): Parsed {
    const code = KustoCode.ParseAndAnalyze(query, covered === tables && more.length === 0 ? globals : withTables(covered, more))
    const found = code.GetDiagnostics()
    const problems: Problem[] = []
    let unknown = 0
    for (let index = 0; index < found.Count; index++) {
      const { Severity, Code, Message, Start, Length } = found.getItem(index)
      if (Code === 'KS205') unknown++
      if (Severity !== 'Error' || isAllowed(code.Syntax, Code, Start)) continue
      problems.push({ message: Message, start: Start, length: Length })
    }
    return { code, problems, covered, unknown }
  }

  return {
    /** `more`: extra tables that exist only for this query. */
    parse (query: string, more: readonly Schema[] = []): Parsed {
      let best: Parsed | undefined
      for (const covered of /\b(?:union|search|find)\b/.test(query) ? [...families, tables] : [tables]) {
        const found = parsed(query, covered, more)
        if (found.problems.length + found.unknown === 0) return found
        if (best === undefined || (found.problems.length - best.problems.length || found.unknown - best.unknown) < 0) best = found
      }
      return best!
    },

    complete (query: string, position: number): Suggestions {
      const info = new Editor.KustoCodeService.$ctor1(query, globals).GetCompletionItems(Math.min(position, query.length))
      const kinds = new Map(Object.entries(Editor.CompletionKind).filter(([, value]) => typeof value === 'number').map(([name, value]) => [value, name]))
      const items = Array.from({ length: Math.min(info.Items.Count, 500) }, (_, index) => {
        const { DisplayText, BeforeText, AfterText, Kind } = info.Items.getItem(index)
        return { text: DisplayText, insert: `${BeforeText ?? DisplayText}${AfterText ?? ''}`, caret: (BeforeText ?? DisplayText).length, kind: (kinds.get(Kind) ?? 'Unknown').toLowerCase() }
      })
      return { start: info.EditStart, length: info.EditLength, items }
    }
  }
}

/**
 * The engine accepts some things that the binder doesn't: count(x), text as a search condition, fractions of seconds in
 * make_timespan() and make_datetime(), and arguments of bag_unpack() by name.
 */
function isAllowed (root: Syntax, problem: string, start: number): boolean {
  if (!['KS107', 'KS119', 'KS134'].includes(problem)) return false
  for (const node of walk(root)) {
    if (node.TextStart > start) return false
    if (node.End <= start) continue
    const kind = kindOf(node)
    if (problem === 'KS107' && (kind === 'SearchOperator' || kind === 'FindOperator')) return true
    if (kind !== 'FunctionCallExpression') continue
    const name = part(node, 'Name').ToString().trim().toLowerCase()
    if (problem === 'KS107' && name === 'count' && part(node, 'ArgumentList').TextStart < start) return true
    if (problem === 'KS134' && /^make_(?:timespan|datetime)$/.test(name) && args(node).at(-1)?.TextStart === start) return true
    if (problem !== 'KS134' && name === 'bag_unpack' && args(node).some(each => kindOf(each) === 'SimpleNamedExpression')) return true
  }
  return false
}

export function problemError ({ message, start }: Problem, query: string): QueryError {
  // Azure has them, and Kusto's binder doesn't know.
  const [, elsewhere] = /^The name '(app|workspace|resource|adx|arg)' does not refer to any known function/.exec(message) ?? []
  if (elsewhere !== undefined) return unsupported(`Asking another resource with ${elsewhere}()`, placeAt(start, query))
  const hint = /^\{\w/.test(query.slice(start)) ? ': a workbook fills in its parameters before it sends the query' : query.startsWith('$__', start) ? ': Grafana fills in its macros before it sends the query' : ''
  return invalid(`${message.replace(/\.$/, '')}${hint}`, placeAt(start, query))
}

export type Language = ReturnType<typeof createLanguage>
