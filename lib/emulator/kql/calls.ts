/** A function call → its expression: a user-defined, aggregate, window or scalar function. */
import { aggregates } from './aggregates'
import { resolved, toDynamic } from './dynamic'
import { cast, columnNamed, compile, constant, evaluate, folded, valueOf, type Call, type Context, type Expression } from './expression'
import { functions, tuples } from './functions'
import { windowFunctions } from './functions/windows'
import { args, columnsOf, kindOf, lacking, nameOf, part, placed, typeOf, walk, wrong, type Syntax } from './syntax'
import { bodyOf, callScope } from './lets'
import { missing, type Row, type Value } from './values'

/** Different on every call or for every row, even with constant arguments. */
const VOLATILE = new Set(['rand', 'new_guid', 'estimate_data_size'])

export function compileCall (node: Syntax, context: Context): Expression {
  const kind = kindOf(node)
  if (kind === 'PackExpression') return packAll(context)
  if (kind === 'ToScalarExpression') return scalarOf(part(node, 'Expression'), context)
  const name = nameOf(part(node, 'Name'))
  const own = context.scope.find(name)
  if (own?.kind === 'function') return callOwn(node, own.scope, context)
  if (context.slots !== undefined && Object.hasOwn(aggregates, name)) {
    const type = typeOf(node)
    const { slots } = context
    const slot = slots.add(aggregates[name](callOf(node, { ...context, slots: undefined })))
    return { type, constant: false, of: () => slots.results[slot] }
  }
  if (Object.hasOwn(windowFunctions, name)) {
    if (context.window === undefined) throw wrong(`${name}() needs rows in an order: sort or serialize them first`, node)
    const call = callOf(node, context)
    return { type: call.type, constant: false, of: windowFunctions[name](call, context.window) }
  }
  if (name === 'pack_all') return packAll(context, args(node).map(each => valueOf(compile(each, context)))[0] === true)
  if (name === 'column_ifexists' || name === 'columnifexists') return columnOr(node, context)
  return scalarCall(name, node, context)
}

function scalarCall (name: string, node: Syntax, context: Context): Expression {
  const call = callOf(node, context)
  const constantly = call.args.every(each => each.constant) && !VOLATILE.has(name)
  const found = Object.hasOwn(functions, name) ? functions[name] : undefined
  if (found !== undefined) {
    const of = placed(node, () => found(call))
    return folded({ type: call.type, constant: constantly, of: row => placed(node, () => of(row)) })
  }
  const tuple = tupleOf(node, context)
  // A single name for several columns gets the first.
  if (tuple !== undefined) return { type: columnsOf(node)[0]?.type ?? 'dynamic', constant: false, of: row => tuple(row)[0] }
  throw lacking(`The function ${name}()`, node)
}

export function tupleOf (node: Syntax, context: Context): ((row: Row) => Value[]) | undefined {
  if (kindOf(node) !== 'FunctionCallExpression') return undefined
  const name = nameOf(part(node, 'Name'))
  return Object.hasOwn(tuples, name) ? tuples[name](callOf(node, context)) : undefined
}

export function callOf (node: Syntax, context: Context): Call {
  const given = args(node).filter(each => kindOf(each) !== 'StarExpression')
  return { name: nameOf(part(node, 'Name')), args: given.map(each => compile(each, context)), type: typeOf(node), node, context }
}

/** The column with that name if there is one, otherwise the second argument. */
function columnOr (node: Syntax, context: Context): Expression {
  const [name, otherwise] = args(node)
  return columnNamed(String(valueOf(compile(name, context))), context) ?? compile(otherwise, context)
}

/** A bag of all columns, or of those that have a value. */
function packAll ({ columns }: Context, filled = false): Expression {
  return {
    type: 'dynamic',
    constant: false,
    of (row) {
      const pairs = columns.map(({ name, type }, index): [string, Value] => [name, toDynamic(resolved(row[index]), type)])
      return new Map(filled ? pairs.filter(([, value]) => value !== null && value !== '') : pairs)
    }
  }
}

function scalarOf (node: Syntax, context: Context): Expression {
  if (columnsOf(node).length === 0) {
    const expression = compile(node, { columns: [], scope: context.scope })
    return constant(valueOf(expression), expression.type)
  }
  for (const each of walk(node)) {
    const binding = kindOf(each) === 'NameReference' ? context.scope.find(nameOf(each)) : undefined
    if (binding?.kind === 'scalar' && binding.fromRow === true) throw wrong(`'${nameOf(each)}' differs from row to row, and toscalar() runs once: use a join or a lookup`, each)
  }
  const { columns, rows } = evaluate(node, context.scope)
  const { type } = columns[0]
  return constant(rows.length === 0 ? missing(type) : resolved(rows[0][0]), type)
}

function callOwn (node: Syntax, declared: Context['scope'], context: Context): Expression {
  const scope = callScope(node, declared, context)
  const body = bodyOf(node, scope)
  return cast(compile(body, { ...context, columns: [], scope }), typeOf(node))
}
