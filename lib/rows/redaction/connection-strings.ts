/** Connection strings, such as `Server=db;Password=…;Port=1` → the same without their secrets. */
import { type IsSecret, REDACTED } from './names'

// `Server=db; Password=…`: after a space, only names that wouldn't follow a semicolon in a sentence.
const SPACED = /;[ \t]{1,8}(?:password|pwd|passwd|passphrase|accountkey|sharedaccesskey|sharedaccesssignature|client_?secret)[ \t]{0,4}=[ \t]{0,4}/gi

/** For a list without spaces. A quoted value may contain a semicolon. */
export function redactList (list: string, isSecret: IsSecret): string {
  const isList = list.indexOf('=') < list.lastIndexOf(';') && list.indexOf('=', list.indexOf(';')) >= 0
  let output = ''
  let copied = 0
  let name = isList ? 0 : list.indexOf(';') + 1
  for (let equals = list.indexOf('=', name); equals >= 0; equals = list.indexOf('=', name)) {
    const end = endOfItem(list, equals + 1)
    // An item without a value may precede this one.
    const begin = list.lastIndexOf(';', equals) + 1
    if (end > equals + 1 && isSecret(list.slice(Math.max(begin, name), equals))) {
      output += list.slice(copied, equals + 1) + REDACTED
      copied = end
    }
    name = end + 1
  }
  return output + list.slice(copied)
}

function endOfItem (list: string, from: number): number {
  const quote = list[from]
  const close = quote === '"' || quote === "'" ? list.indexOf(quote, from + 1) : -1
  const end = list.indexOf(';', close < 0 ? from : close)
  return end < 0 ? list.length : end
}

/** For lists with spaces after the semicolons. */
export function redactSpacedLists (text: string): string {
  if (!text.includes(';')) return text
  let output = ''
  let copied = 0
  SPACED.lastIndex = 0
  while (SPACED.test(text)) {
    const from = SPACED.lastIndex
    let to = from
    const quote = text[from]
    if (quote === '"' || quote === "'") to = text.indexOf(quote, from + 1) + 1 || text.length
    while (to < text.length && text[to] !== ';' && text.charCodeAt(to) > 32) to++
    output += text.slice(copied, from) + REDACTED
    copied = SPACED.lastIndex = to
  }
  return output + text.slice(copied)
}
