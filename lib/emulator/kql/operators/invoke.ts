/** invoke: a function of the query, called with the rows as its first argument. */
import { evaluate } from '../expression'
import { bodyOf, callScope } from '../lets'
import { lacking, nameOf, part } from '../syntax'
import type { Operator } from './define'

export const invoke: Operator = (node, input, scope) => {
  const call = part(node, 'Function')
  const name = nameOf(part(call, 'Name'))
  const binding = scope.find(name)
  if (binding?.kind !== 'function') throw lacking(`invoke ${name}()`, call)
  const inner = callScope(call, binding.scope, { columns: [], scope }, input)
  return evaluate(bodyOf(call, inner), inner)
}
