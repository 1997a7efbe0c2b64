/** A query's text and tables → its answer. */
import { compileNode } from './compiler'
import type { Completion } from './completion'
import { QueryError } from './errors'
import { createLanguage, problemError, type Schema } from './language'
import { defineBefore } from './lets'
import { evaluateQuery, evaluateTable } from './query'
import { Run, Scope, type Interpreter, type Tables } from './scope'
import { kindOf, nameOf, optional, parameters, part, setText, tokenText, walk, type Syntax } from './syntax'
import type { Render } from './output'
import type { Row, Table } from './values'

const interpreter: Interpreter = { compile: compileNode, evaluate: evaluateTable }

/** Plugins whose columns depend on their input rows. */
const BY_ROWS = new Set(['bag_unpack', 'pivot'])
const WARM_UP = 'datatable(a:long, b:string)[1, "x"] | where a > 0 | summarize count() by b | order by b asc'
/** Per query. */
const MAX_STAGES = 20

export interface Answer { table: Table, render?: Render }

export function createEngine (tables: Tables) {
  const language = createLanguage(tables.schemas)

  /** Rejects with a QueryError. `interrupted` is called regularly to ask whether to stop; `stored` has some or all of the tables' rows. */
  function run (query: string, interrupted: () => QueryError | undefined = () => undefined, stored = tables): Answer {
    const made = new Map<string, { schema: Schema, rows: readonly Row[] }>()
    const all: Tables = {
      get schemas () { return [...tables.schemas, ...[...made.values()].map(({ schema }) => schema)] },
      rows: name => made.get(name)?.rows ?? stored.rows(name)
    }
    const running = new Run(all, interpreter, interrupted)
    let text = query
    while (true) {
      setText(text)
      const { code, problems, covered } = language.parse(text, [...made.values()].map(({ schema }) => schema))
      running.covered = covered
      const stage = made.size < MAX_STAGES ? stageOf(code.Syntax) : undefined
      const problem = problems.find(({ start }) => stage === undefined || start < stage.End)
      // Once a part has been replaced, positions no longer match the original query.
      if (problem !== undefined) throw made.size === 0 ? problemError(problem, text) : new QueryError('FAI_KQL_INVALID', problem.message.replace(/\.$/, ''))
      const scope = new Scope(running)
      if (stage === undefined) return { table: evaluateQuery(code.Syntax, scope), render: renderOf(code.Syntax) }
      // Like the engine: compute the rows up to there first, then bind the rest to their columns.
      defineBefore(code.Syntax, stage.TextStart, scope)
      const { columns, rows } = evaluateTable(stage, scope)
      const name = `__stage_${made.size + 1}`
      made.set(name, { schema: { name, columns }, rows })
      text = `${text.slice(0, stage.TextStart)}${name}${text.slice(stage.End)}`
    }
  }

  /** Completions at a position, and the errors so far. */
  function complete (query: string, position: number): Completion {
    const { code, problems } = language.parse(query)
    // A plugin's columns are known only from its rows.
    const known = stageOf(code.Syntax)?.End ?? Infinity
    return { ...language.complete(query, position), problems: problems.filter(({ start }) => start < known) }
  }

  // The parser initializes itself on its first query, which shouldn't be a user's.
  run(WARM_UP)
  return { run, complete }
}

/** The first pipe that ends in a plugin whose columns depend on the rows. */
function stageOf (root: Syntax): Syntax | undefined {
  let found: Syntax | undefined
  for (const node of walk(root)) {
    if (kindOf(node) !== 'PipeExpression') continue
    const operator = part(node, 'Operator')
    if (kindOf(operator) !== 'EvaluateOperator' || !BY_ROWS.has(nameOf(part(part(operator, 'FunctionCall'), 'Name')))) continue
    if (found === undefined || node.End < found.End) found = node
  }
  return found
}

/** The options of the last `render`. */
function renderOf (root: Syntax): Render | undefined {
  const found = [...walk(root)].findLast(node => kindOf(node) === 'RenderOperator')
  if (found === undefined) return undefined
  const clause = optional(found, 'WithClause')
  return { kind: tokenText(optional(found, 'ChartType')), properties: Object.fromEntries([...parameters(found), ...clause === undefined ? [] : parameters(clause, 'Properties')]) }
}
