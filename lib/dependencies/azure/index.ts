/** The Azure SDK's tracing → our instances, through one instrumenter in each loaded copy of `@azure/core-tracing`. */
import type * as CoreTracing from '@azure/core-tracing'
import { createRequire } from 'node:module'
import { sep } from 'node:path'
import { type Context, ROOT_CONTEXT } from '@opentelemetry/api'
import { appRequire } from '../../app'
import { instanceOf } from '../../globals/members'
import type { Instance } from '../../instance'
import { type Member, PROBE, createInstrumenter } from './instrumenter'

type Copy = Pick<typeof CoreTracing, 'createTracingClient' | 'useInstrumenter'>

const members = new Map<Instance, Member>()
const instrumenter = createInstrumenter((where: Context) => {
  const telemetry = instanceOf(where)
  return telemetry === undefined ? undefined : members.get(telemetry)
})
// Each copy has one instrumenter per process, in a module that its CommonJS and ES builds share.
const instrumented = new Set<Copy>()

/** @returns a function that undoes it */
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

/** Instruments the copies loaded so far. May be called again. */
export function instrumentCopies (): void {
  for (const copy of findCopies()) {
    // Keep an existing instrumenter: Azure's own makes the same spans.
    if (instrumented.has(copy) || isTaken(copy)) continue
    copy.useInstrumenter(instrumenter)
    instrumented.add(copy)
  }
}

/** Our copy, which the app's clients nearly always share, and any others. */
function findCopies (): Copy[] {
  const inPackage = `${sep}@azure${sep}core-tracing${sep}`
  const folders = new Set(Object.keys(require.cache).filter(file => file.includes(inPackage)).map(file => file.slice(0, file.lastIndexOf(inPackage) + inPackage.length)))
  const loads = [
    () => require('@azure/core-tracing') as Copy,
    () => appRequire()('@azure/core-tracing') as Copy,
    ...[...folders].map(folder => () => createRequire(folder)(folder) as Copy)
  ]
  return loads.flatMap(load => {
    try {
      return [load()]
    } catch {
      // There is no usable copy.
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

/** Whether the copy has a real instrumenter. The default one does nothing, so it can't parse a `traceparent`. */
function isTaken (copy: Copy): boolean {
  return clientOf(copy).parseTraceparentHeader('00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01') !== undefined
}
