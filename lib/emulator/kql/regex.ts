/** Regular expressions of queries, compiled once. */
import { QueryError, invalid } from './errors'
import { translated } from './pattern'

const known = new Map<string, RegExp>()

/** `flags`: `g` of JavaScript; `i`, `m`, `s`, `U` and `x` of Kusto, which the pattern may set by itself, too. */
export function regex (pattern: string, flags = ''): RegExp {
  const key = `${flags}/${pattern}`
  let found = known.get(key)
  if (found === undefined) {
    if (known.size > 500) known.clear()
    found = build(pattern, flags)
    known.set(key, found)
  }
  found.lastIndex = 0
  return found
}

function build (pattern: string, given: string): RegExp {
  const own = /^\(\?([imsUx]+)\)/.exec(pattern)
  const modes = new Set([...given, ...own?.[1] ?? ''])
  const flags = `vs${modes.delete('g') ? 'g' : ''}${modes.delete('i') ? 'i' : ''}`
  try {
    return new RegExp(translated(pattern.slice(own?.[0].length ?? 0), modes), flags)
  } catch (error) {
    if (error instanceof QueryError) throw error
    throw invalid(`Invalid regular expression: ${(error as Error).message}`)
  }
}
