/** What this browser keeps for the page. It may refuse, or have no room: then nothing is kept, and the page works all the same. */

export function kept (key: string): string | undefined {
  try {
    return localStorage.getItem(key) ?? undefined
  } catch {
    return undefined
  }
}

/** @param value undefined removes it */
export function keep (key: string, value: string | undefined): void {
  try {
    if (value === undefined) localStorage.removeItem(key)
    else localStorage.setItem(key, value)
  } catch {
    // The choice holds until the page is closed.
  }
}
