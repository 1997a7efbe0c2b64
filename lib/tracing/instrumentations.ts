/** The app's OpenTelemetry instrumentations → our providers, for modules loaded before them too. */
import { existsSync } from 'node:fs'
import { createRequire } from 'node:module'
import { join, sep } from 'node:path'
import type { MeterProvider, TracerProvider } from '@opentelemetry/api'
import { ignoreRejection } from '../options/guarded'
import { type Warn, messageOf } from '../warnings'

/** What every instrumentation of OpenTelemetry has. */
export interface Instrumentation {
  instrumentationName: string
  setTracerProvider: (provider: TracerProvider) => void
  setMeterProvider: (provider: MeterProvider) => void
  enable: () => void
}

interface Patchable { name: string, moduleExports?: unknown }

// What a require hook of theirs would call; there is no public way for a module that is loaded already.
interface Patching {
  _modules?: Array<Patchable & { files: Patchable[] }>
  _onRequire?: (module: Patchable, exports: unknown, name: string, baseDir: string) => unknown
}

/** They stay enabled afterwards: they are the app's. */
export function register (instrumentations: readonly Instrumentation[], tracerProvider: TracerProvider, meterProvider: (() => MeterProvider) | undefined, warn: Warn): void {
  for (const instrumentation of instrumentations) {
    try {
      instrumentation.setTracerProvider(tracerProvider)
      if (meterProvider !== undefined) instrumentation.setMeterProvider(meterProvider())
      ignoreRejection(instrumentation.enable())
    } catch (error) {
      warn(`An instrumentation could not be registered: ${messageOf(error)}`)
    }
  }
  patchLoaded(instrumentations, warn)
}

/** An import of an ES module comes before everything, so before the instrumentation. */
export function patchLoaded (instrumentations: readonly Instrumentation[], warn: Warn): void {
  const files = Object.keys(require.cache)
  for (const instrumentation of instrumentations as readonly Patching[]) {
    if (!Array.isArray(instrumentation._modules) || typeof instrumentation._onRequire !== 'function') continue
    for (const module of instrumentation._modules) {
      if (typeof module?.name !== 'string') continue
      const folder = `${sep}node_modules${sep}${module.name.replaceAll('/', sep)}${sep}`
      for (const file of files) {
        const at = file.lastIndexOf(folder)
        // A package within this one's own node_modules is another one.
        if (at < 0 || file.includes(`${sep}node_modules${sep}`, at + folder.length)) continue
        try {
          patch(instrumentation as Required<Patching>, module, file, file.slice(0, at + folder.length - 1))
        } catch (error) {
          warn(`An instrumentation could not patch ${module.name}: ${messageOf(error)}`)
        }
      }
    }
  }
}

function patch (instrumentation: Required<Patching>, module: Patchable & { files: Patchable[] }, file: string, baseDir: string): void {
  const loaded = require.cache[file]
  if (loaded?.loaded !== true) return
  const inner = join(module.name, file.slice(baseDir.length + 1))
  const isMain = existsSync(join(baseDir, 'package.json')) && createRequire(join(baseDir, 'package.json')).resolve(baseDir) === file
  const target = isMain ? module : module.files.find(({ name }) => join(name) === inner)
  // With exports of its own it was seen by the hook, or here before.
  if (target === undefined || target.moduleExports !== undefined) return
  loaded.exports = instrumentation._onRequire(module, loaded.exports, isMain ? module.name : inner, baseDir)
}
