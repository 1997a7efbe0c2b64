/** Rows → a file of envelopes, one a line, and back after a restart. */
import { appendFileSync, createReadStream, existsSync, renameSync, truncateSync, writeFileSync } from 'node:fs'
import { createInterface } from 'node:readline'
import { readItem } from './ingestion'
import type { Item, Store } from './store'

/** Once the file holds this many times the rows that are kept, the next start rewrites it. */
const SLACK = 2

/** Fills the store from the file, then appends new rows. @returns what ends that. @throws if the file can't be used, or holds something else */
export async function keepInFile (store: Store, path: string) {
  let isBlank = true
  let rows = 0
  if (existsSync(path)) {
    for await (const line of createInterface({ input: createReadStream(path, 'utf8'), crlfDelay: Infinity })) {
      isBlank &&= line.trim() === ''
      const item = parse(line)
      if (!item) continue
      rows++
      store.add([item], { replayed: true })
    }
    // It would be rewritten and emptied: whoever named another file by mistake must not lose it.
    if (!isBlank && rows === 0) throw new Error(`${path} has no rows in it, but something else. Choose a file that doesn't exist yet, or one that the emulator wrote`)
  }
  if (rows > store.size * SLACK) {
    const fresh = `${path}.new`
    writeFileSync(fresh, [...store.records()].map(record => `${record.text}\n`).join(''), { mode: 0o600 })
    renameSync(fresh, path)
  }

  // Telemetry may be private, and the machine may be shared. Synchronous, so that nothing is written after it was cleared.
  const append = (text: string): void => { appendFileSync(path, text, { mode: 0o600 }) }
  // A line that a crash cut off must not swallow the next one; empty lines are skipped.
  append(isBlank ? '' : '\n')
  const unlisten = store.listen(rows => {
    try {
      if (rows.length === 0) truncateSync(path)
      else append(rows.map(row => `${JSON.stringify(row.envelope)}\n`).join(''))
    } catch (error) {
      unlisten()
      process.emitWarning(`Rows are no longer kept in ${path}: ${(error as Error).message}`)
    }
  })
  return unlisten
}

/** Undefined for a line that a crash cut off, or that isn't ours. */
function parse (line: string): Item | undefined {
  try {
    const read = readItem(JSON.parse(line), true)
    return typeof read === 'string' ? undefined : read
  } catch {
    return undefined
  }
}
