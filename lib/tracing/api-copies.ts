/** Loaded copies of @opentelemetry/api → a warning if they don't share what is registered. */
import { existsSync, readFileSync, realpathSync } from 'node:fs'
import { join, sep } from 'node:path'
import { appRequire } from '../app'

interface Copy { readonly folder: string, readonly version: string }

const NAME = join('node_modules', '@opentelemetry', 'api') + sep
const VERSION_FILES = [join('build', 'src', 'version.js'), join('dist', 'version.cjs')]
let checked = false

/** Runs once per process. Call it when all modules are loaded. */
export function warnOfApiCopies (): void {
  if (checked) return
  checked = true
  const [ours, ...others] = findCopies()
  // Copies of the same version share what is registered.
  if (ours === undefined || others.every(({ version }) => version === ours.version)) return
  const list = [ours, ...others].map(({ version, folder }) => `${version} in ${folder}`).join(', ')
  process.emitWarning(
    `There are several copies of @opentelemetry/api (${list}); fastify-app-insights uses the first. Spans, records and metrics created with another copy may be lost, or not be tied to their request. To get down to one copy, install @opentelemetry/api in your app, in a version that all your packages accept, remove the other versions (npm ls @opentelemetry/api, npm dedupe, or overrides in package.json), and restart.`,
    { type: 'FastifyAppInsightsWarning', code: 'FAI_WARN_API_COPIES' })
}

/** Ours first. In a bundle ours has no folder, and the app uses the same copy. */
function findCopies (): Copy[] {
  const copies = new Map<string, Copy>()
  const own = ownFolder()
  if (own === undefined) return []
  add(copies, own)
  for (const file of Object.keys(require.cache)) if (file.includes(NAME)) add(copies, folderOf(file))
  const ofApp = copyOfApp()
  if (ofApp !== undefined) add(copies, ofApp)
  return [...copies.values()]
}

function ownFolder (): string | undefined {
  try {
    const file: unknown = require.resolve('@opentelemetry/api')
    // webpack returns the module's number instead.
    return typeof file === 'string' && file.includes(NAME) ? folderOf(file) : undefined
  } catch {
    return undefined
  }
}

function folderOf (file: string): string {
  return file.slice(0, file.lastIndexOf(NAME) + NAME.length - 1)
}

/** `require.cache` doesn't list ES modules, which the API has from 1.10 on, so look for the app's copy on disk. */
function copyOfApp (): string | undefined {
  try {
    const folder = folderOf(realpathSync(appRequire().resolve('@opentelemetry/api')))
    return existsSync(join(folder, 'dist', 'index.mjs')) ? folder : undefined
  } catch {
    // The app has no copy.
    return undefined
  }
}

function add (copies: Map<string, Copy>, folder: string): void {
  if (folder === '' || copies.has(folder)) return
  try {
    copies.set(folder, { folder, version: loadedVersion(folder) ?? (JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8')) as { version: string }).version })
  } catch {
    // A bundle may keep the files but not package.json.
  }
}

/** The version that this copy registers with. */
function loadedVersion (folder: string): string | undefined {
  for (const file of VERSION_FILES) {
    const { VERSION } = (require.cache[join(folder, file)]?.exports ?? {}) as { VERSION?: string }
    if (VERSION !== undefined) return VERSION
  }
}
