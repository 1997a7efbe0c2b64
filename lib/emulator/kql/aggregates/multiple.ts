/** Aggregates that return several columns: arg_max(x, *), take_any(a, b), percentiles(x, 50, 95). */
import { aggregates } from '.'
import { callOf } from '../calls'
import { columnNamed, compile, type Accumulator, type Context, type Expression } from '../expression'
import { args, kindOf, nameOf, part, type Syntax } from '../syntax'
import { missing, type Row, type Value } from '../values'
import { bestRow } from './choices'
import { percents, ranks } from './percentiles'

export interface Multiple { width: number, create (): { add (row: Row): void, results (): Value[] } }

/** Undefined if the call returns one column. `grouped`: the group-by columns, which `*` leaves out. */
export function multiple (node: Syntax, context: Context, grouped: ReadonlySet<string>): Multiple | undefined {
  if (kindOf(node) !== 'FunctionCallExpression') return undefined
  const name = nameOf(part(node, 'Name'))
  switch (name) {
    case 'arg_max': case 'argmax': return best(node, context, grouped, 1)
    case 'arg_min': case 'argmin': return best(node, context, grouped, -1)
    case 'take_any': case 'any': return taken(node, context, grouped)
    case 'percentiles': return spread(node, context, false)
    case 'percentilesw': return spread(node, context, true)
    default: return undefined
  }
}

function expanded (given: Syntax[], context: Context, without: ReadonlySet<string>): Expression[] {
  return given.flatMap(each => kindOf(each) !== 'StarExpression'
    ? [compile(each, context)]
    : context.columns.filter(column => !without.has(column.name)).map(column => columnNamed(column.name, context) as Expression))
}

function best (node: Syntax, context: Context, grouped: ReadonlySet<string>, sign: 1 | -1): Multiple {
  const [first, ...others] = args(node)
  const value = compile(first, context)
  const without = new Set(grouped)
  if (kindOf(first) === 'NameReference') without.add(nameOf(first))
  const outputs = [value, ...expanded(others, context, without)]
  return {
    width: outputs.length,
    create () {
      const chosen = bestRow(value, sign)
      return { add: chosen.add, results: () => ofRow(outputs, chosen.row()) }
    }
  }
}

function ofRow (outputs: readonly Expression[], row: Row | undefined): Value[] {
  return outputs.map(({ of, type }) => row === undefined ? missing(type) : of(row))
}

function taken (node: Syntax, context: Context, grouped: ReadonlySet<string>): Multiple {
  const outputs = expanded(args(node), context, grouped)
  if (outputs.length === 1) {
    const create = aggregates.take_any({ ...callOf(node, { ...context, slots: undefined }), args: outputs })
    return { width: 1, create: () => single(create()) }
  }
  return {
    width: outputs.length,
    create () {
      let first: Row | undefined
      return { add (row) { first ??= row }, results: () => ofRow(outputs, first) }
    }
  }
}

function single (accumulator: Accumulator): ReturnType<Multiple['create']> {
  return { add: row => accumulator.add(row), results: () => [accumulator.result()] }
}

function spread (node: Syntax, context: Context, weighted: boolean): Multiple {
  const [value, ...others] = args(node).map(each => compile(each, context))
  const weight = weighted ? others.shift() : undefined
  const wanted = percents(others)
  return {
    width: wanted.length,
    create () {
      let found: Value[] = []
      const ranked = ranks(value, weight, at => { found = wanted.map(at); return null })()
      return { add: row => ranked.add(row), results: () => { ranked.result(); return found } }
    }
  }
}
