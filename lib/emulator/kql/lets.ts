/** let statements and calls of the functions they declare → what names refer to. */
import { compile, constant, evaluate, folded, type Context } from './expression'
import { literal } from './literals'
import type { Binding, Scope } from './scope'
import { args, isTabular, kindOf, lacking, list, nameOf, optional, part, placeBody, scalarNamed, type Syntax } from './syntax'
import type { Table } from './values'

/** Runs the let statements before a node, so that the node can be evaluated on its own. */
export function defineBefore (block: Syntax, end: number, scope: Scope): void {
  for (const statement of list(block, 'Statements')) if (kindOf(statement) === 'LetStatement' && statement.End <= end) define(statement, scope)
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
