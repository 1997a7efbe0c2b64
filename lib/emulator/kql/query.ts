/** Statements and tabular expressions → tables. */
import { compile, valueOf } from './expression'
import { UnknownTable } from './errors'
import { bodyNode, bodyOf, callScope, prepare, statementsOf } from './lets'
import { operators } from './operators'
import { dataTable, range } from './operators/sources'
import { print } from './operators/project'
import { find, search } from './operators/search'
import { union } from './operators/union'
import { INPUT, type Scope } from './scope'
import { args, isTabular, kindOf, lacking, list, nameOf, part, placeOf, wrong, type Syntax } from './syntax'
import type { Table } from './values'

/** Runs the statements of a query; the last expression is its answer. */
export function evaluateQuery (block: Syntax, scope: Scope): Table {
  let answer: Syntax | undefined
  for (const statement of list(block, 'Statements')) {
    const kind = kindOf(statement)
    if (kind === 'ExpressionStatement') answer = part(statement, 'Expression')
    else if (!prepare(statement, scope)) throw lacking(kind.replace('Statement', ' statement'), statement)
  }
  if (answer === undefined) throw wrong('The query has no tabular expression', block)
  if (isTabular(answer) || kindOf(answer) === 'PipeExpression') return evaluateTable(answer, scope)
  // A bare value is answered like print would.
  const expression = compile(answer, { columns: [], scope })
  return { columns: [{ name: 'print_0', type: expression.type }], rows: [[valueOf(expression)]], serialized: true }
}

export function evaluateTable (node: Syntax, scope: Scope): Table {
  const kind = kindOf(node)
  switch (kind) {
    case 'PipeExpression': {
      const input = evaluateTable(part(node, 'Expression'), scope)
      return operate(part(node, 'Operator'), input, scope)
    }
    case 'ParenthesizedExpression': case 'MaterializeExpression': case 'ToTableExpression': case 'DataScopeExpression':
      return evaluateTable(part(node, 'Expression'), scope)
    case 'NameReference': return named(node, scope)
    case 'DataTableExpression': return dataTable(node, scope)
    case 'RangeOperator': return range(node, scope)
    case 'PrintOperator': return print(node, scope)
    case 'UnionOperator': return union(node, undefined, scope)
    case 'SearchOperator': return search(node, undefined, scope)
    case 'FindOperator': return find(node, scope)
    case 'FunctionCallExpression': return called(node, scope)
    case 'PathExpression': throw lacking('Asking another cluster or database', node)
    default: return implied(node, scope)
  }
}

/** An operator at the start of a subquery works on the rows from the outer operator. */
function implied (node: Syntax, scope: Scope): Table {
  const input = scope.find(INPUT)
  if (input?.kind !== 'table') throw lacking(kindOf(node).replace(/(?:Expression|Operator)$/, ''), node)
  return operate(node, input.table(), scope)
}

export function operate (operator: Syntax, input: Table, scope: Scope): Table {
  const kind = kindOf(operator)
  if (!Object.hasOwn(operators, kind)) throw lacking(`The operator ${operator.GetChild(0)?.ToString().trim() ?? kind}`, operator)
  return operators[kind](operator, input, scope)
}

function named (node: Syntax, scope: Scope): Table {
  const name = nameOf(node)
  const binding = scope.find(name)
  if (binding?.kind === 'table') return binding.table()
  if (binding?.kind === 'function') return inBody(node, binding.declaration, binding.scope.inner())
  const stored = scope.run.stored(name)
  if (stored === undefined) throw new UnknownTable('FAI_KQL_INVALID', `The name '${name}' does not refer to any known table`, placeOf(node))
  return stored
}

/** table('requests'), a user-defined function, or materialize(). */
function called (node: Syntax, scope: Scope): Table {
  const name = nameOf(part(node, 'Name'))
  const binding = scope.find(name)
  if (binding?.kind === 'function') {
    const inner = callScope(node, binding.scope, { columns: [], scope })
    return evaluateTable(bodyOf(node, inner), inner)
  }
  if (name === 'materialize') return evaluateTable(args(node)[0], scope)
  if (name === 'table') {
    const wanted = String(valueOf(compile(args(node)[0], { columns: [], scope })))
    const stored = scope.run.stored(wanted)
    if (stored !== undefined) return stored
  }
  throw lacking(`The function ${name}()`, node)
}

function inBody (node: Syntax, declaration: Syntax, scope: Scope): Table {
  return evaluateTable(statementsOf(bodyNode(node, declaration), scope), scope)
}
