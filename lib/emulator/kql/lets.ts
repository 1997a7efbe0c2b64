/** let statements and calls of the functions they declare → what names refer to. */
import { cast, compile, constant, evaluate, folded, valueOf, type Context } from './expression'
import type { Int } from './integers'
import { literal } from './literals'
import type { Binding, Scope } from './scope'
import { args, isTabular, kindOf, lacking, list, nameOf, optional, part, placeBody, scalarNamed, wrong, type Syntax } from './syntax'
import type { Table } from './values'

/** Runs the statements before a node, so that the node can be evaluated on its own. */
export function defineBefore (block: Syntax, end: number, scope: Scope): void {
  for (const statement of list(block, 'Statements')) if (statement.End <= end) prepare(statement, scope)
}

/** Runs a statement that has no answer. False if it is of another kind. */
export function prepare (statement: Syntax, scope: Scope): boolean {
  switch (kindOf(statement)) {
    case 'LetStatement': define(statement, scope); return true
    case 'SetOptionStatement': setOption(statement, scope); return true
    case 'QueryParametersStatement': declareParameters(statement, scope); return true
    default: return false
  }
}

/** Most options only matter to Azure's engine. */
function setOption (statement: Syntax, scope: Scope): void {
  const name = nameOf(part(statement, 'Name'))
  const value = optional(optional(statement, 'ValueClause'), 'Expression')
  if (value === undefined) return
  const expression = compile(value, { columns: [], scope })
  if (name.startsWith('query_bin_auto_')) scope.run.options.set(name, expression)
  if (name === 'query_now') scope.run.now = (valueOf(cast(expression, 'datetime')) ?? scope.run.now) as Int
}

/** Nobody passes values here: a parameter is what it is by default. */
function declareParameters (statement: Syntax, scope: Scope): void {
  for (const parameter of list(statement, 'Parameters')) {
    const declaration = part(parameter, 'NameAndType')
    const name = nameOf(part(declaration, 'Name'))
    if (optional(parameter, 'DefaultValue') === undefined) throw wrong(`The parameter '${name}' has no value: give it a default`, parameter)
    scope.define(name, argumentBinding(undefined, parameter, declaration, { columns: [], scope }))
  }
}

export function define (statement: Syntax, scope: Scope): void {
  const name = nameOf(part(statement, 'Name'))
  const value = part(statement, 'Expression')
  if (kindOf(value) === 'FunctionDeclaration') scope.define(name, { kind: 'function', declaration: value, scope })
  else if (isTabular(value)) {
    let table: Table | undefined
    scope.define(name, { kind: 'table', table: () => { table ??= evaluate(value, scope); return table } })
  } else scope.define(name, { kind: 'scalar', expression: folded(compile(value, { columns: [], scope })) })
}

/** The scope of a function's body: its parameters, by name. `input`: the first argument of a call by invoke. */
export function callScope (node: Syntax, declared: Scope, context: Context, input?: Table): Scope {
  const scope = declared.inner()
  const name = nameOf(part(node, 'Name'))
  const binding = declared.find(name) ?? context.scope.find(name)
  if (binding?.kind !== 'function') throw lacking(`The function ${name}()`, node)
  const given = args(node)
  const formal = list(part(binding.declaration, 'Parameters'), 'Parameters')
  if (input !== undefined && formal.length > 0) {
    const first = nameOf(part(part(formal.shift() as Syntax, 'NameAndType'), 'Name'))
    scope.define(first, { kind: 'table', table: () => input })
  }
  formal.forEach((parameter, index) => {
    const declaration = part(parameter, 'NameAndType')
    const called = nameOf(part(declaration, 'Name'))
    const argument = given.find(each => kindOf(each) === 'SimpleNamedExpression' && nameOf(part(each, 'Name')) === called) ?? given.filter(each => kindOf(each) !== 'SimpleNamedExpression')[index]
    scope.define(called, argumentBinding(argument, parameter, declaration, context))
  })
  return scope
}

function argumentBinding (given: Syntax | undefined, parameter: Syntax, declaration: Syntax, context: Context): Binding {
  if (given !== undefined && (isTabular(given) || kindOf(part(declaration, 'Type')) === 'SchemaTypeExpression')) {
    let table: Table | undefined
    return { kind: 'table', table: () => { table ??= evaluate(given, context.scope); return table } }
  }
  const type = scalarNamed(part(declaration, 'Type').ToString().trim())
  if (given !== undefined) {
    const expression = compile(given, context)
    return { kind: 'scalar', expression, fromRow: context.columns.length > 0 && !expression.constant }
  }
  const otherwise = optional(parameter, 'DefaultValue')
  return { kind: 'scalar', expression: otherwise === undefined ? constant(null, type) : literal(part(otherwise, 'Value')) }
}

/** The body as the binder bound it for this particular call. */
export function bodyNode (node: Syntax, declaration: Syntax): Syntax {
  const declared = part(declaration, 'Body')
  const get = node.GetCalledFunctionBody as (() => Syntax | null) | undefined
  const body = get?.call(node) ?? undefined
  if (body !== undefined) placeBody(body, declared)
  return body ?? declared
}

export function bodyOf (node: Syntax, scope: Scope): Syntax {
  const binding = scope.find(nameOf(part(node, 'Name')))
  if (binding?.kind !== 'function') throw lacking('This call', node)
  return statementsOf(bodyNode(node, binding.declaration), scope)
}

export function statementsOf (body: Syntax, scope: Scope): Syntax {
  for (const statement of list(body, 'Statements')) define(statement, scope)
  return part(body, 'Expression')
}
