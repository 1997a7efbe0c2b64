/** Syntax of a scalar expression → a function from a row to its value. */
import { compileBinary } from './binary'
import { compileCall, tupleOf } from './calls'
import { compileComparison } from './comparison'
import { Decimal } from './decimal'
import { member, toDynamic } from './dynamic'
import { columnNamed, compile, folded, type Context, type Expression } from './expression'
import { negate, type Int } from './integers'
import { literal } from './literals'
import { columnsOf, kindOf, lacking, nameOf, part, symbolOf, typeOf, wrong, type Syntax } from './syntax'
import { compileText } from './text'
import { isInteger } from './values'

const BINARY = new Set(['AddExpression', 'SubtractExpression', 'MultiplyExpression', 'DivideExpression', 'ModuloExpression'])
const COMPARISON = new Set(['EqualExpression', 'NotEqualExpression', 'LessThanExpression', 'LessThanOrEqualExpression', 'GreaterThanExpression', 'GreaterThanOrEqualExpression',
  'AndExpression', 'OrExpression', 'BetweenExpression', 'NotBetweenExpression', 'InCsExpression', 'NotInCsExpression', 'InExpression', 'NotInExpression'])

export function compileNode (node: Syntax, context: Context): Expression {
  const kind = kindOf(node)
  if (kind.endsWith('LiteralExpression') || kind === 'DynamicExpression') return literal(node)
  if (BINARY.has(kind)) return compileBinary(node, context)
  if (COMPARISON.has(kind)) return compileComparison(node, context)
  switch (kind) {
    case 'ParenthesizedExpression': return compile(part(node, 'Expression'), context)
    case 'SimpleNamedExpression': return compile(part(node, 'Expression'), context)
    case 'NameReference': return compileName(node, context)
    case 'FunctionCallExpression': case 'PackExpression': case 'ToScalarExpression': return compileCall(node, context)
    case 'PathExpression': return compilePath(node, context)
    case 'ElementExpression': return compileElement(node, context)
    case 'BracketedExpression': return compile(part(node, 'Expression'), context)
    case 'UnaryMinusExpression': return compileMinus(node, context)
    case 'UnaryPlusExpression': return compile(part(node, 'Expression'), context)
    default: return compileText(node, context)
  }
}

function compileName (node: Syntax, context: Context): Expression {
  const name = nameOf(node)
  const symbol = symbolOf(node)
  if (symbol !== 'VariableSymbol' && symbol !== 'ParameterSymbol') {
    const column = columnNamed(name, context)
    if (column !== undefined) return column
  }
  const binding = context.scope.find(name)
  if (binding?.kind === 'scalar') return binding.expression
  const column = columnNamed(name, context)
  if (column !== undefined) return column
  throw wrong(binding === undefined ? `The name '${name}' does not refer to any known column or variable` : `'${name}' is not a scalar value`, node)
}

function compilePath (node: Syntax, context: Context): Expression {
  // `bag.[key]` is `bag[key]`.
  if (kindOf(part(node, 'Selector')) === 'BracketedExpression') return compileElement(node, context)
  const owner = part(node, 'Expression')
  const name = nameOf(part(node, 'Selector'))
  const special = kindOf(owner) === 'NameReference' ? context.path?.(nameOf(owner), name) : undefined
  if (special !== undefined) return special
  const { of, type, constant } = compile(owner, context)
  if (type !== 'dynamic') throw wrong(`A value of type ${type} has no property '${name}'`, node)
  return { type: 'dynamic', constant, of: row => member(of(row), name) }
}

function compileElement (node: Syntax, context: Context): Expression {
  const key = compile(part(node, 'Selector'), context)
  const several = columnsOf(part(node, 'Expression')).length > 1 ? tupleOf(part(node, 'Expression'), context) : undefined
  // Of a function with several results, it is one of them.
  if (several !== undefined) return { type: 'dynamic', constant: false, of: row => several(row)[Number(key.of(row))] ?? null }
  const owner = compile(part(node, 'Expression'), context)
  if (owner.type !== 'dynamic') throw wrong(`A value of type ${owner.type} has no elements`, node)
  return { type: 'dynamic', constant: owner.constant && key.constant, of: row => member(owner.of(row), toDynamic(key.of(row), key.type)) }
}

function compileMinus (node: Syntax, context: Context): Expression {
  const operand = compile(part(node, 'Expression'), context)
  const { of, constant } = operand
  const type = operand.type === 'int' ? typeOf(node) : operand.type
  if (type === 'real') return folded({ type, constant, of: row => { const value = of(row); return value === null ? null : -(value as number) } })
  if (type === 'decimal') return folded({ type, constant, of: row => { const value = of(row); return value === null ? null : new Decimal(0n, 0).subtract(value as Decimal) } })
  if (isInteger(type) || type === 'timespan') return folded({ type, constant, of: row => { const value = of(row); return value === null ? null : negate(value as Int) } })
  throw lacking(`The negative of a value of type ${operand.type}`, node)
}
