/** A query's text → pieces with a colour each. The server's parser judges; this only paints. */

export interface Piece { text: string, color: 'comment' | 'string' | 'number' | 'keyword' | 'function' | 'table' | '' }

const TOKEN = /(\/\/[^\n]*)|(@?h?"(?:[^"\\\n]|\\.)*"?|@?h?'(?:[^'\\\n]|\\.)*'?)|(\b\d[\d_.]*(?:[smhd]|ms|us)?\b)|(\b[A-Za-z_][\w-]*\b)/g
const KEYWORDS = new Set(('as asc between by contains contains_cs count datatable default desc distinct endswith evaluate extend extend false find from getschema has has_all has_any ' +
  'has_cs in invoke join kind let limit lookup make-series materialize matches mv-apply mv-expand mvexpand not nulls on or and order parse parse-where parse-kv partition print ' +
  'project project-away project-keep project-rename project-reorder range regex render sample sample-distinct search serialize sort startswith step summarize take tabular to top ' +
  'top-hitters top-nested true typeof union where with of null bool datetime dynamic guid int long real string timespan decimal scan consume nooptimization').split(' '))
const TABLES = /^(?:requests|dependencies|traces|exceptions|customEvents|customMetrics|availabilityResults|pageViews|browserTimings|performanceCounters|App[A-Z]\w+)$/

export function paint (query: string): Piece[] {
  const pieces: Piece[] = []
  let at = 0
  for (const match of query.matchAll(TOKEN)) {
    if (match.index > at) pieces.push({ text: query.slice(at, match.index), color: '' })
    pieces.push({ text: match[0], color: colorOf(match, query) })
    at = match.index + match[0].length
  }
  if (at < query.length) pieces.push({ text: query.slice(at), color: '' })
  return pieces
}

function colorOf ([text, comment, string, number]: RegExpMatchArray, query: string): Piece['color'] {
  if (comment) return 'comment'
  if (string) return 'string'
  if (number) return 'number'
  if (KEYWORDS.has(text)) return 'keyword'
  return TABLES.test(text) ? 'table' : query.includes(`${text}(`) ? 'function' : ''
}

export interface Mark { start: number, length: number, message: string }

/** A place as the errors name it → the word that stands there. */
export function markAt (query: string, line: number, column: number, message: string): Mark {
  const lines = query.split('\n')
  const start = lines.slice(0, line - 1).reduce((sum, text) => sum + text.length + 1, 0) + column - 1
  return { start, length: /^[\w-]+/.exec(query.slice(start))?.[0].length ?? 1, message }
}

/** Marks cut the pieces in two where they begin and end. */
export function withMarks (pieces: readonly Piece[], marks: readonly Mark[]): Array<Piece & { mark?: Mark }> {
  const cuts = [...new Set(marks.flatMap(({ start, length }) => [start, start + Math.max(1, length)]))].sort((a, b) => a - b)
  const out: Array<Piece & { mark?: Mark }> = []
  let at = 0
  for (const { text, color } of pieces) {
    const end = at + text.length
    const edges = [at, ...cuts.filter(cut => cut > at && cut < end), end]
    for (let part = 0; part + 1 < edges.length; part++) {
      const from = edges[part]
      out.push({ text: text.slice(from - at, edges[part + 1] - at), color, mark: marks.find(mark => from >= mark.start && from < mark.start + Math.max(1, mark.length)) })
    }
    at = end
  }
  return out
}
