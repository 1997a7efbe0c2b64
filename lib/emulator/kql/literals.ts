/** KQL literals → constants. */
import { Decimal } from './decimal'
import { convert, parsed, realFrom } from './convert'
import { parseDatetime } from './datetime'
import { fromPlain, toDynamic } from './dynamic'
import { constant, type Expression } from './expression'
import { wrap } from './integers'
import { kindOf, lacking, list, part, tokenText, typeOf, wrong, type Syntax } from './syntax'
import { parseTimespan } from './timespan'
import { realIn, type Scalar, type Value } from './values'

export function literal (node: Syntax): Expression {
  const kind = kindOf(node)
  if (kind === 'DynamicExpression') return constant(json(part(node, 'Expression')), 'dynamic')
  if (kind === 'TypeOfLiteralExpression') return constant(list(node, 'Types').map(each => each.ToString().trim()).join(','), 'string')
  const type = typeOf(node)
  if (kind === 'StringLiteralExpression' || kind === 'CompoundStringLiteralExpression') return constant(String(node.LiteralValue), 'string')
  if (kind === 'NullLiteralExpression') return constant(null, type)
  return constant(ofText(inner(tokenText(part(node, 'Token'))), type, node), type)
}

/** `long(5)` → `5`, `datetime("2024-01-01")` → `2024-01-01`. */
function inner (text: string): string {
  const body = /^[a-z0-9]+\s*\(([^]*)\)$/i.exec(text)?.[1].trim() ?? text
  return /^(["'])[^]*\1$/.test(body) ? body.slice(1, -1) : body
}

function ofText (text: string, type: Scalar, node: Syntax): Value {
  if (text === 'null') return type === 'string' ? '' : null
  const value = read(text, type)
  if (value === null) throw wrong(`'${text}' is not a valid ${type} literal`, node)
  return value
}

function read (text: string, type: Scalar): Value {
  switch (type) {
    case 'long': case 'int': return /^[+-]?\d+$/.test(text) ? wrap(BigInt(text.replace(/^\+/, ''))) : convert(text, 'string', type)
    case 'real': return realFrom(text)
    case 'decimal': return Decimal.from(text)
    case 'bool': return convert(text, 'string', 'bool')
    case 'datetime': return text === 'now' ? null : parseDatetime(text)
    case 'timespan': return parseTimespan(text)
    case 'guid': return convert(text, 'string', 'guid')
    default: return parsed(text, 'string')
  }
}

/** The content of dynamic(…). */
function json (node: Syntax): Value {
  const kind = kindOf(node)
  switch (kind) {
    case 'JsonObjectExpression':
      return new Map(list(node, 'Pairs').map(pair => [unquoted(part(pair, 'Name')), json(part(pair, 'Value'))]))
    case 'JsonArrayExpression': return list(node, 'Values').map(json)
    case 'UnaryMinusExpression': case 'UnaryPlusExpression': {
      const value = json(part(node, 'Expression'))
      if (kind === 'UnaryPlusExpression') return value
      return typeof value === 'bigint' ? wrap(-value) : fromPlain(-Number((value as { value?: number }).value ?? value))
    }
    case 'NullLiteralExpression': return null
    case 'TokenLiteralExpression': return null
    default: {
      if (!kind.endsWith('LiteralExpression')) throw lacking(`${kind} in dynamic()`, node)
      const { of, type } = literal(node)
      const value = of([])
      return type === 'real' && typeof value === 'number' ? realIn(value) : toDynamic(value, type)
    }
  }
}

function unquoted (token: Syntax): string {
  return typeof token.ValueText === 'string' ? token.ValueText : tokenText(token).slice(1, -1)
}
