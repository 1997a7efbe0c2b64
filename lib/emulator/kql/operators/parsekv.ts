/** parse-kv: extracts columns from a text of keys and values. */
import { fromText } from '../convert'
import { compile, contextOf } from '../expression'
import { regex } from '../regex'
import { columnsOf, list, nameOf, optional, parameters, part, scalarNamed } from '../syntax'
import { textOf } from '../text'
import { missing, type Row } from '../values'
import { each, type Operator } from './define'

/** Keys → values; the first of several equal keys wins. */
type Reader = (text: string) => Map<string, string>

function delimited (options: Map<string, string>): Reader {
  const pairs = options.get('pair_delimiter') ?? ' '
  const inner = options.get('kv_delimiter') ?? '='
  const quotes = options.get('quote') ?? ''
  const escape = options.get('escape')
  const greedy = options.get('greedy')?.toLowerCase() === 'true'

  function unquoted (text: string): string {
    if (quotes === '' || !text.startsWith(quotes[0])) return text
    const body = text.endsWith(quotes.at(-1) as string) ? text.slice(1, -1) : text.slice(1)
    return escape === undefined ? body : body.replace(new RegExp(`\\${escape}(.)`, 'g'), '$1')
  }

  function split (text: string): string[] {
    if (quotes === '') return text.split(pairs)
    const parts: string[] = []
    let [start, quoted] = [0, false]
    for (let at = 0; at < text.length; at++) {
      if (escape !== undefined && text.startsWith(escape, at)) at++
      else if (quoted ? text[at] === quotes.at(-1) : text[at] === quotes[0]) quoted = !quoted
      else if (!quoted && text.startsWith(pairs, at)) {
        parts.push(text.slice(start, at))
        start = at + pairs.length
      }
    }
    return [...parts, text.slice(start)]
  }

  return text => {
    const found = new Map<string, string>()
    let last: string | undefined
    for (const pair of split(text)) {
      const at = pair.indexOf(inner)
      if (at === -1) {
        // Text without a key belongs to the value before it.
        if (greedy && last !== undefined) found.set(last, `${found.get(last) ?? ''}${pairs}${pair}`)
        continue
      }
      last = unquoted(pair.slice(0, at).trim())
      if (!found.has(last)) found.set(last, unquoted(pair.slice(at + inner.length)))
    }
    return found
  }
}

/** Without delimiters: keys and values are runs of letters and digits, or quoted; everything between them separates. */
function words (options: Map<string, string>, keys: ReadonlySet<string>): Reader {
  const quotes = options.get('quote') ?? ''
  const escape = options.get('escape')
  const quoted = (each: string): string => `\\u{${each.codePointAt(0)!.toString(16)}}`
  const skipped = escape === undefined ? '' : `${quoted(escape)}[^]|`
  const inside = quotes === '' ? '' : `${quoted(quotes[0])}((?:${skipped}[^${quoted(quotes.at(-1) as string)}])*)${quoted(quotes.at(-1) as string)}|`
  const word = new RegExp(`${inside}([\\p{L}\\p{N}]+)`, 'gu')
  return text => {
    const found = new Map<string, string>()
    const all = [...text.matchAll(word)].map(match => match[match.length - 1] ?? (escape === undefined ? match[1] : match[1].replace(new RegExp(`${quoted(escape)}([^])`, 'gu'), '$1')))
    for (let index = 0; index + 1 < all.length; index++) {
      const key = all[index]
      if (keys.has(key) && !found.has(key)) found.set(key, all[++index])
    }
    return found
  }
}

function matching (pattern: string): Reader {
  return text => {
    const found = new Map<string, string>()
    for (const match of text.matchAll(regex(pattern, 'g'))) if (!found.has(match[1])) found.set(match[1], match[2] ?? '')
    return found
  }
}

export const parseKv: Operator = (node, input, scope) => {
  const context = contextOf(input, scope)
  const clause = optional(node, 'WithClause')
  const options = clause === undefined ? new Map<string, string>() : parameters(clause, 'Properties')
  const pattern = options.get('regex')
  const text = textOf(compile(part(node, 'Expression'), context))
  const wanted = new Map(list(part(node, 'Keys'), 'Columns').map(key => [nameOf(part(key, 'Name')), scalarNamed(part(key, 'Type').ToString().trim())]))
  const read = pattern !== undefined ? matching(pattern) : options.has('pair_delimiter') || options.has('kv_delimiter') ? delimited(options) : words(options, new Set(wanted.keys()))
  const columns = columnsOf(node)
  const rows: Row[] = []
  each(input, context, row => {
    scope.run.made1(columns.length)
    const found = read(text(row))
    rows.push(columns.map(({ name, type }) => {
      if (!wanted.has(name)) return row[input.columns.findIndex(column => column.name === name)]
      const value = found.get(name)
      return value === undefined ? missing(type) : fromText(value, type)
    }))
  })
  return { columns, rows, serialized: input.serialized }
}
