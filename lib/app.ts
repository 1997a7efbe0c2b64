/** The running program → where the app is: its package.json, and the `require` of its packages, which may be other copies than ours. */
import { createRequire } from 'node:module'
import { dirname, join, resolve, sep } from 'node:path'

/** The folder of the main file; if that belongs to a tool that starts the app, such as fastify-cli, the working directory. */
export function appFolder (): string {
  const main = process.argv[1]
  if (main === undefined || isTool(main)) return workingFolder()
  // With `node -`, the script name is not a path.
  return dirname(resolve(workingFolder(), main))
}

export function appRequire (): NodeJS.Require {
  return createRequire(join(appFolder(), 'index.js'))
}

/** Whether the project has installed the program. A program that is installed elsewhere, globally for example, may be the app itself. */
function isTool (file: string): boolean {
  const at = file.indexOf(`${sep}node_modules${sep}`)
  return at !== -1 && (process.versions.pnp !== undefined || `${workingFolder()}${sep}`.startsWith(file.slice(0, at) + sep))
}

/** The root if somebody has deleted it. */
function workingFolder (): string {
  try {
    return process.cwd()
  } catch {
    return resolve('/')
  }
}
