/** RE2 patterns → JavaScript patterns. */
import { invalid } from './errors'

const known = new Map<string, RegExp>()

/** JavaScript flags; a pattern may add its own (?i), (?s), (?m), (?U). */
export function regex (pattern: string, flags: string): RegExp {
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
  let flags = given
  let source = pattern
  const own = /^\(\?([imsU]+)\)/.exec(source)
  if (own !== null) {
    source = source.slice(own[0].length)
    for (const flag of own[1]) if (flag !== 'U' && !flags.includes(flag)) flags += flag
    if (own[1].includes('U')) source = lazy(source)
  }
  source = source
    .replace(/\(\?P</g, '(?<')
    .replace(/\\A/g, '^').replace(/\\z/g, '$')
    .replace(/\[\[:(\w+):\]\]/g, (_, name: string) => `[${CLASSES[name] ?? ''}]`).replace(/\[:(\w+):\]/g, (_, name: string) => CLASSES[name] ?? '')
  try {
    return new RegExp(source, flags)
  } catch {
    // RE2 always allows some escapes that JavaScript allows only without the u flag.
    try {
      return new RegExp(source, flags.replace('u', ''))
    } catch (error) {
      throw invalid(`Invalid regular expression: ${(error as Error).message}`)
    }
  }
}

const CLASSES: Readonly<Record<string, string>> = {
  alpha: 'A-Za-z', digit: '0-9', alnum: 'A-Za-z0-9', upper: 'A-Z', lower: 'a-z', space: '\\s', punct: '!-\\/:-@\\[-`{-~', word: '\\w', xdigit: '0-9A-Fa-f'
}

/** Makes quantifiers lazy. */
export function lazy (source: string): string {
  return source.replace(/(\\.|\[(?:\\.|[^\]])*\])|([*+?]|\{\d+(?:,\d*)?\})(\?)?/g, (_, skipped: string | undefined, quantifier: string, already: string | undefined) => skipped ?? (already === undefined ? `${quantifier}?` : quantifier))
    .replace(/\(\?\?/g, '(?')
}
