/** The Azure SDK's tracing ↔ our instances: one instrumenter in each copy of `@azure/core-tracing` that the process has. */
import type * as CoreTracing from '@azure/core-tracing'
import { createRequire } from 'node:module'
import { join, sep } from 'node:path'
import { type Context, ROOT_CONTEXT } from '@opentelemetry/api'
import { instanceOf } from '../../globals/members'
import type { Instance } from '../../instance'
import { type Member, PROBE, createInstrumenter } from './instrumenter'

type Copy = Pick<typeof CoreTracing, 'createTracingClient' | 'useInstrumenter'>

const members = new Map<Instance, Member>()
const instrumenter = createInstrumenter((where: Context) => {
  const telemetry = instanceOf(where)
  return telemetry === undefined ? undefined : members.get(telemetry)
})
// An instrumenter is one per process and copy: each keeps its own in a module that its CommonJS and its ES modules share.
const instrumented = new Set<Copy>()

/** @returns the call that undoes it */
export function traceAzureSdk (member: Member): () => void {
  members.set(member.telemetry, member)
  instrumentCopies()
  return function stop () {
    members.delete(member.telemetry)
    if (members.size > 0) return
    for (const copy of instrumented) if (isOurs(copy)) copy.useInstrumenter(undefined as unknown as CoreTracing.Instrumenter)
    instrumented.clear()
  }
}

/** Those that are loaded by now; may be called again. */
export function instrumentCopies (): void {
  for (const copy of findCopies()) {
    // Somebody else's stays: Azure's own instrumentation makes the same spans.
    if (instrumented.has(copy) || isTaken(copy)) continue
    copy.useInstrumenter(instrumenter)
    instrumented.add(copy)
  }
}

/** Ours, which the app's clients nearly always share, and whatever else there is. */
function findCopies (): Copy[] {
  const inPackage = `${sep}@azure${sep}core-tracing${sep}`
  const folders = new Set(Object.keys(require.cache).filter(file => file.includes(inPackage)).map(file => file.slice(0, file.lastIndexOf(inPackage) + inPackage.length)))
  const loads = [
    () => require('@azure/core-tracing') as Copy,
    () => createRequire(join(process.cwd(), 'index.js'))('@azure/core-tracing') as Copy,
    ...[...folders].map(folder => () => createRequire(folder)(folder) as Copy)
  ]
  return loads.flatMap(load => {
    try {
      return [load()]
    } catch {
      // There is none, or none that could be used.
      return []
    }
  })
}

function clientOf ({ createTracingClient }: Copy): CoreTracing.TracingClient {
  return createTracingClient({ namespace: '', packageName: 'fastify-app-insights' })
}

function isOurs (copy: Copy): boolean {
  return clientOf(copy).parseTraceparentHeader(PROBE) === ROOT_CONTEXT
}

/** The one that does nothing, which every copy begins with, understands no header. */
function isTaken (copy: Copy): boolean {
  return clientOf(copy).parseTraceparentHeader('00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01') !== undefined
}
