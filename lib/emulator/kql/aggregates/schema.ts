/** buildschema(): the smallest schema that all values of a dynamic column fit. */
import { typeName } from '../dynamic'
import { isBag, type Value } from '../values'
import { over, type AggregateFunction } from './define'

/** What stands for the elements of a list. */
const ELEMENTS = '`indexer`'

interface Schema {
  /** Names of simple types, in the order in which they were found. */
  types: Set<string>
  /** Keys of bags, and the elements of lists. Undefined if there was neither. */
  members: Map<string, Schema> | undefined
}

function learn (schema: Schema, value: Value): void {
  if (value === null) return
  if (isBag(value)) {
    schema.members ??= new Map()
    for (const [key, part] of value) learn(memberOf(schema.members, key), part)
  } else if (Array.isArray(value)) {
    schema.members ??= new Map()
    for (const part of value) learn(memberOf(schema.members, ELEMENTS), part)
  } else schema.types.add(typeName(value))
}

function memberOf (members: Map<string, Schema>, name: string): Schema {
  let member = members.get(name)
  if (member === undefined) members.set(name, member = { types: new Set(), members: undefined })
  return member
}

/** One type is that type, several are a list of them. */
function shown ({ types, members }: Schema): Value {
  const all: Value[] = [...types]
  if (members !== undefined) all.push(new Map([...members].map(([name, member]) => [name, shown(member)])))
  return all.length === 1 ? all[0] : all
}

export const schemas: Readonly<Record<string, AggregateFunction>> = {
  buildschema: over(() => {
    const schema: Schema = { types: new Set(), members: undefined }
    return {
      take: value => learn(schema, value),
      result: () => schema.types.size === 0 && schema.members === undefined ? null : shown(schema)
    }
  }, { as: 'dynamic' })
}
