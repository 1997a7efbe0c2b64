/** make_list, make_set, make_bag, and their old spellings. */
import { keyOf } from '../compare'
import { toDynamic } from '../dynamic'
import { valueOf, type Expression } from '../expression'
import { isBag, type Bag, type Row, type Value } from '../values'
import { conditionOf, type AggregateFunction } from './define'

/** Maximum cells in one aggregated value, unless the query sets a lower limit. */
const MOST = 1_048_576

interface Kind { nulls?: boolean, unique?: boolean, conditional?: boolean }

function mostOf (expression: Expression | undefined): number {
  const given = expression === undefined ? null : valueOf(expression)
  return given === null ? MOST : Math.min(MOST, Number(given))
}

/** Lists in a dynamic column are flattened; for other columns only nulls are left out. */
function listing ({ nulls = false, unique = false, conditional = false }: Kind): AggregateFunction {
  return ({ args }) => {
    const [{ of, type }] = args
    const holds = conditional ? conditionOf(args[1]) : () => true
    const most = mostOf(args[conditional ? 2 : 1])
    return () => {
      const found: Value[] = []
      const seen = new Set<unknown>()
      function take (value: Value): void {
        if (found.length >= most) return
        if (unique) {
          const key = keyOf(value)
          if (seen.has(key)) return
          seen.add(key)
        }
        found.push(value)
      }
      return {
        add (row: Row) {
          if (!holds(row)) return
          const value = of(row)
          if (value === null && !nulls && (type !== 'dynamic' || unique)) return
          if (Array.isArray(value)) value.forEach(take)
          else take(toDynamic(value, type))
        },
        result: () => found
      }
    }
  }
}

/** For duplicate keys, the first value wins. */
function bagging (conditional: boolean): AggregateFunction {
  return ({ args }) => {
    const [{ of }] = args
    const holds = conditional ? conditionOf(args[1]) : () => true
    const most = mostOf(args[conditional ? 2 : 1])
    return () => {
      const found: Bag = new Map()
      return {
        add (row: Row) {
          if (!holds(row)) return
          const value = of(row)
          if (!isBag(value)) return
          for (const [key, each] of value) if (!found.has(key) && found.size < most) found.set(key, each)
        },
        result: () => found
      }
    }
  }
}

export const collecting: Readonly<Record<string, AggregateFunction>> = {
  make_list: listing({}),
  makelist: listing({}),
  make_list_if: listing({ conditional: true }),
  make_list_with_nulls: listing({ nulls: true }),
  make_set: listing({ unique: true }),
  makeset: listing({ unique: true }),
  make_set_if: listing({ unique: true, conditional: true }),
  make_bag: bagging(false),
  make_bag_if: bagging(true),
  make_dictionary: bagging(false)
}
