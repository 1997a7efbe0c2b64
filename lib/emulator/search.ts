/** Search text → a tree of terms: `resultCode:5* AND duration>500 -name:"GET /health"`. Also runs in the page. */

export type Operator = ':' | '=' | '!=' | '>' | '>=' | '<' | '<='

/** A node's position in the text. */
interface Place { start: number, end: number }

export type Term = Place & ({ kind: 'text', text: string } | { kind: 'field', field: string, operator: Operator, value: string })
export type Node = Term | (Place & { kind: 'not', part: Node }) | (Place & { kind: 'and' | 'or', parts: Node[] })

interface Token extends Place {
  kind: 'word' | 'and' | 'or' | 'not' | 'open' | 'close'
  term?: Term
}

/** Deeper nesting is treated as text. */
const MAX_DEPTH = 20
const MAX_TERMS = 100
const FIELD = /(?:"(?:[^"\\]|\\.)+"|[A-Za-z_][\w.-]*)(?=:|!=|>|<|=)/y
// Elsewhere people write duration:>500.
const OPERATOR = /!=|>=|<=|:[<>]=?(?=[\d.])|[:=<>]/y
const QUOTED = /"((?:[^"\\]|\\.)*)("|$)/y
const BARE = /[^\s()]+/y

/** Any text is a valid search; what isn't syntax is searched for literally. */
export function parseSearch (text: string): Node | undefined {
  const tokens = tokenize(text)
  let at = 0

  function either (depth: number): Node | undefined {
    const parts = [all(depth)]
    while (tokens[at]?.kind === 'or') {
      at++
      parts.push(all(depth))
    }
    return join('or', parts)
  }

  function all (depth: number): Node | undefined {
    const parts: Array<Node | undefined> = []
    while (at < tokens.length) {
      const { kind } = tokens[at]
      if (kind === 'or' || (kind === 'close' && depth > 0)) break
      if (kind === 'and' || kind === 'close') at++
      else parts.push(one(depth))
    }
    return join('and', parts)
  }

  function one (depth: number): Node | undefined {
    const token = tokens[at++]
    if (token === undefined) return undefined
    if (token.kind === 'not') {
      const part = one(depth)
      return part && { kind: 'not', part, start: token.start, end: part.end }
    }
    if (token.kind !== 'open') return token.term
    if (depth >= MAX_DEPTH) return undefined
    const inner = either(depth + 1)
    const close = tokens[at]?.kind === 'close' ? tokens[at++] : undefined
    return inner && { ...inner, start: token.start, end: close?.end ?? inner.end }
  }

  return either(0)
}

function join (kind: 'and' | 'or', parts: Array<Node | undefined>): Node | undefined {
  const given = parts.filter(part => part !== undefined)
  if (given.length < 2) return given[0]
  return { kind, parts: given, start: given[0].start, end: given[given.length - 1].end }
}

function tokenize (text: string): Token[] {
  const tokens: Token[] = []
  let at = 0
  while (at < text.length && tokens.length < MAX_TERMS) {
    if (/\s/.test(text[at])) at++
    else {
      const token = tokenAt(text, at)
      tokens.push(token)
      at = token.end
    }
  }
  return tokens
}

const WORDS: Readonly<Record<string, Token['kind']>> = { AND: 'and', OR: 'or', NOT: 'not' }

function tokenAt (text: string, start: number): Token {
  if (text[start] === '(') return { kind: 'open', start, end: start + 1 }
  if (text[start] === ')') return { kind: 'close', start, end: start + 1 }
  // A minus must directly precede its term.
  if (text[start] === '-' && /[A-Za-z_"(]/.test(text[start + 1] ?? '')) return { kind: 'not', start, end: start + 1 }
  const field = fieldAt(text, start)
  if (field) return { kind: 'word', term: field, start, end: field.end }
  const value = valueAt(text, start)
  const word = text.slice(start, value.end)
  if (Object.hasOwn(WORDS, word)) return { kind: WORDS[word], start, end: value.end }
  return { kind: 'word', term: { kind: 'text', text: value.value, start, end: value.end }, start, end: value.end }
}

function fieldAt (text: string, start: number): Term | undefined {
  const name = match(FIELD, text, start)
  if (name === undefined) return undefined
  const operator = match(OPERATOR, text, start + name[0].length)
  if (operator === undefined) return undefined
  const from = start + name[0].length + operator[0].length
  // People paste `http://host` and `Error: text`.
  if (from >= text.length || /[\s)]/.test(text[from]) || text.startsWith('//', from)) return undefined
  const { value, end } = valueAt(text, from)
  return { kind: 'field', field: unquote(name[0]), operator: operator[0].replace(/^:(?=.)/, '') as Operator, value, start, end }
}

function valueAt (text: string, start: number): { value: string, end: number } {
  const quoted = match(QUOTED, text, start)
  if (quoted !== undefined) return { value: quoted[1].replace(/\\(["\\])/g, '$1'), end: start + quoted[0].length }
  const bare = match(BARE, text, start)?.[0] ?? text[start]
  return { value: bare, end: start + bare.length }
}

function match (pattern: RegExp, text: string, at: number): RegExpExecArray | undefined {
  pattern.lastIndex = at
  return pattern.exec(text) ?? undefined
}

function unquote (name: string): string {
  return name.startsWith('"') ? name.slice(1, -1).replace(/\\(["\\])/g, '$1') : name
}

/** The parts that must all match, as written: the page shows them as chips. */
export function splitSearch (text: string): string[] {
  const tree = parseSearch(text)
  if (tree === undefined) return []
  const whole = tree.kind === 'and' && text[tree.start] !== '(' ? tree.parts : [tree]
  return whole.map(part => text.slice(part.start, part.end))
}

/** A term that finds exactly this value. */
export function term (field: string, value: string, operator: Operator = '='): string {
  return `${/^[A-Za-z_][\w.-]*$/.test(field) ? field : quote(field)}${operator}${/^[\w./*-]+$/.test(value) ? value : quote(value)}`
}

function quote (text: string): string {
  return `"${text.replace(/["\\]/g, '\\$&')}"`
}

/** A search for exactly these values, ignoring empty ones; a truncated value is searched for by its beginning. */
export function terms (values: Readonly<Record<string, string>>): string {
  return Object.entries(values).filter(([, value]) => value !== '')
    .map(([field, value]) => value.endsWith('…') ? term(field, `${value.slice(0, -1)}*`, ':') : term(field, value)).join(' ')
}
