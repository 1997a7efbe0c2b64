/** The running program → the `require` of its main file: its packages may be other copies than ours. */
import { createRequire } from 'node:module'
import { resolve } from 'node:path'

export function appRequire (): NodeJS.Require {
  // With `node -`, the script name is not a path.
  return createRequire(resolve(process.argv[1] ?? 'index.js'))
}
