/** Modules that were loaded before an instrumentation → patched now, with a warning if that is too late. */
import { readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { join, sep } from 'node:path'
import { type Warn, messageOf } from '../warnings'
import type { Instrumentation } from '../options'
import { loadedEsModules } from './loaded-es-modules'

interface Target { name: string, moduleExports?: unknown, patch?: unknown }
interface Definition extends Target { files: Target[] }

// The functions that an instrumentation's require hook calls. There is no public API for modules that are already loaded.
interface Patching {
  _modules: Definition[]
  _onRequire: (definition: Definition, exports: unknown, name: string, baseDir: string) => unknown
}

/** A loaded file that an instrumentation patches. */
interface LoadedFile {
  readonly module: NodeModule
  /** The package's folder. */
  readonly folder: string
  /** The instrumentation's name for it: the package, or a file in it. */
  readonly name: string
}

/** The result of patching for one instrumentation. */
interface Outcome {
  /** Folders of packages that it could not patch, because it does not support their version. */
  readonly unsupported: Set<string>
  /** Packages or functions that earlier importers still have in their unpatched form. */
  readonly late: Set<string>
  applied: boolean
}

export class LoadedModules {
  readonly #instrumentations: readonly Instrumentation[]
  readonly #outcomes = new Map<Instrumentation, Outcome>()
  readonly #patched = new WeakMap<NodeModule, Set<Definition>>()
  readonly #warn: Warn

  constructor (instrumentations: readonly Instrumentation[], warn: Warn) {
    this.#instrumentations = instrumentations
    this.#warn = warn
    for (const instrumentation of instrumentations) this.#outcomes.set(instrumentation, { unsupported: new Set(), late: new Set(), applied: false })
  }

  /** ES module imports run before any code, so also before the instrumentation. May be called again. */
  patch (): void {
    const files = Object.keys(require.cache)
    for (const [instrumentation, outcome] of this.#outcomes) {
      for (const part of partsOf(instrumentation)) {
        for (const definition of part._modules) {
          for (const file of filesOf(definition, files)) this.#try(definition, () => this.#patchFile(part, definition, file, outcome))
        }
      }
    }
  }

  #try (definition: Definition, patch: () => void): void {
    try {
      patch()
    } catch (error) {
      this.#warn(`An instrumentation could not patch ${definition.name}: ${messageOf(error)}`)
    }
  }

  #patchFile (part: Patching, definition: Definition, file: LoadedFile, outcome: Outcome): void {
    const { module, folder, name } = file
    const targets = name === definition.name ? [definition] : definition.files.filter(target => join(target.name) === name)
    let done = this.#patched.get(module)
    if (done?.has(definition) === true) return
    // The instrumentation's hook already patched it when it was loaded.
    if (targets.some(({ moduleExports }) => moduleExports === module.exports)) {
      outcome.applied = true
      return
    }
    if (done === undefined) this.#patched.set(module, done = new Set())
    done.add(definition)
    const original: unknown = module.exports
    const before = functionsOf(original)
    module.exports = part._onRequire(definition, original, name, folder)
    if (!targets.some(({ moduleExports }) => moduleExports === original)) {
      outcome.unsupported.add(folder)
      return
    }
    outcome.applied = true
    if (module.exports !== original) outcome.late.add(definition.name)
    // A patched class method works for everyone, but a replaced function only for code that reads it from the package from now on.
    else for (const replaced of publicAmong(replacedIn(original, before), file)) outcome.late.add(`${replaced} of ${definition.name}`)
  }

  /** Call it when all modules of the start-up are loaded. */
  report (): void {
    this.patch()
    const missing = this.#instrumentations.filter(instrumentation => this.#outcomes.get(instrumentation)!.applied === false)
    const names = missing.flatMap(instrumentation => partsOf(instrumentation).flatMap(({ _modules }) => _modules.map(({ name }) => name)))
    const esModules = names.length === 0 ? new Set<string>() : loadedEsModules(names)
    for (const [instrumentation, outcome] of this.#outcomes) {
      const late = [...outcome.late, ...outcome.applied ? [] : partsOf(instrumentation).flatMap(({ _modules }) => _modules.map(({ name }) => name)).filter(name => esModules.has(name))]
      if (late.length > 0) warnTooLate(instrumentation, late)
      else if (!outcome.applied && outcome.unsupported.size > 0) warnUnsupported(instrumentation, [...outcome.unsupported])
    }
  }
}

/** An instrumentation may contain others: redis has one for old and one for new versions. */
function partsOf (instrumentation: object): Patching[] {
  const own = Object.values(Object.getOwnPropertyDescriptors(instrumentation)).map(({ value }): unknown => value)
  const candidates = [instrumentation, ...own.flat()]
  return [...new Set(candidates)].filter((candidate): candidate is Patching => {
    const { _modules: modules, _onRequire: onRequire } = (candidate ?? {}) as Partial<Patching>
    return Array.isArray(modules) && typeof onRequire === 'function' && modules.every(isDefinition)
  })
}

// These fields are private, and may differ in other versions.
function isDefinition (value: unknown): value is Definition {
  const { name, files } = (value ?? {}) as Partial<Definition>
  return typeof name === 'string' && Array.isArray(files) && files.every(file => typeof file?.name === 'string')
}

function filesOf (definition: Definition, files: readonly string[]): LoadedFile[] {
  const inPackages = `${sep}node_modules${sep}${definition.name.replaceAll('/', sep)}${sep}`
  const found: LoadedFile[] = []
  for (const file of files) {
    const at = file.lastIndexOf(inPackages)
    // A package in this one's node_modules is a different package.
    if (at < 0 || file.includes(`${sep}node_modules${sep}`, at + inPackages.length)) continue
    const module = require.cache[file]
    if (module?.loaded !== true) continue
    const folder = file.slice(0, at + inPackages.length - 1)
    const inner = join(definition.name, file.slice(folder.length + 1))
    if (isMain(definition.name, folder, file)) found.push({ module, folder, name: definition.name })
    else if (definition.files.some(({ name }) => join(name) === inner)) found.push({ module, folder, name: inner })
  }
  return found
}

function isMain (name: string, folder: string, file: string): boolean {
  const resolver = createRequire(join(folder, 'package.json'))
  return [folder, name].some(request => {
    try {
      return resolver.resolve(request) === file
    } catch {
      return false
    }
  })
}

/** Skips getters, because pg has one that loads native code. */
function functionsOf (exports: unknown): Map<string, unknown> {
  if (exports === null || (typeof exports !== 'object' && typeof exports !== 'function')) return new Map()
  const descriptors = Object.entries(Object.getOwnPropertyDescriptors(exports))
  return new Map(descriptors.filter(([, { value }]) => typeof value === 'function').map(([name, { value }]) => [name, value as unknown]))
}

function replacedIn (exports: unknown, before: Map<string, unknown>): Map<string, unknown> {
  const after = functionsOf(exports)
  return new Map([...after].filter(([name, value]) => before.has(name) && before.get(name) !== value))
}

/** The functions that the package exports itself. Its internal files read shared functions each time, so those work. */
function publicAmong (replaced: Map<string, unknown>, { folder, name, module }: LoadedFile): string[] {
  if (replaced.size === 0) return []
  const main = Object.values(require.cache).find(other => other?.filename?.startsWith(folder + sep) === true && isMain(name.startsWith('@') ? name.split(sep, 2).join('/') : name.split(sep, 1)[0]!, folder, other.filename))
  const exports = (main ?? module).exports as Record<string, unknown>
  return [...replaced].filter(([name, value]) => exports[name] === value).map(([name]) => name)
}

function warnTooLate ({ instrumentationName }: Instrumentation, names: string[]): void {
  process.emitWarning(
    `${instrumentationName} was created too late for ${[...new Set(names)].join(', ')}: calls from code that had already imported it are not reported. ` +
    'Create the instrumentation in a separate file that Node.js loads first, with --import or --require.',
    { type: 'FastifyAppInsightsWarning', code: 'FAI_WARN_INSTRUMENTATION_TOO_LATE' })
}

function warnUnsupported ({ instrumentationName }: Instrumentation, folders: string[]): void {
  process.emitWarning(
    `${instrumentationName} does not support ${folders.map(describe).join(', ')}, so its calls are not reported. Install versions that work together.`,
    { type: 'FastifyAppInsightsWarning', code: 'FAI_WARN_INSTRUMENTATION_UNSUPPORTED' })
}

function describe (folder: string): string {
  const { name, version } = JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8')) as { name: string, version: string }
  return `${name} ${version}`
}
