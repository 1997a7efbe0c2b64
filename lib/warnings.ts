/** Troubles → the app's log: what comes back with every request is told once. */

export type Warn = (message: string) => void

// Long enough to tell two subjects apart, short of the part that differs each time.
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

/** An error of the app's own code in words; it may be anything that can be thrown. */
export function messageOf (error: unknown): string {
  try {
    return String(error instanceof Error ? error.message : error).slice(0, LONGEST)
  } catch {
    return 'an error that cannot be read'
  }
}
