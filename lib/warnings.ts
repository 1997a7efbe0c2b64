/** Problems → warnings in the app's log, once each: some problems return with every request. */
import { isError } from './rows/hostile'

export type Warn = (message: string) => void

// Long enough to tell two problems apart, short enough to exclude the part that differs each time.
const SUBJECT = 32
const LONGEST = 500

export function once (warn: Warn): Warn {
  const said = new Set<string>()
  return message => {
    const subject = message.slice(0, SUBJECT)
    if (said.has(subject)) return
    said.add(subject)
    warn(message)
  }
}

/** The message of an error from the app's code, which may have thrown any value. */
export function messageOf (error: unknown): string {
  try {
    return String(isError(error) ? error.message : error).slice(0, LONGEST)
  } catch {
    return 'an error that cannot be read'
  }
}
