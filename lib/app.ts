/** The program that runs → `require` as its own files have it: its packages may be other copies than ours. */
import { createRequire } from 'node:module'
import { join } from 'node:path'

export function appRequire (): NodeJS.Require {
  return createRequire(process.argv[1] ?? join(process.cwd(), 'index.js'))
}
