/** The program that runs → `require` as its own files have it: its packages may be other copies than ours. */
import { createRequire } from 'node:module'
import { resolve } from 'node:path'

export function appRequire (): NodeJS.Require {
  // `node -` has a script name that is no path.
  return createRequire(resolve(process.argv[1] ?? 'index.js'))
}
