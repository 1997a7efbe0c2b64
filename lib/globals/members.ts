/** Context → the instance of this process that its rows belong to. */
import type { Context } from '@opentelemetry/api'
import type { Instance } from '../instance'
import { operationOf } from '../tracing/operation'

// One list per process, because there is one OpenTelemetry API per process.
const members = new Set<Instance>()

/** @returns the number of members */
export function addMember (instance: Instance): number {
  return members.add(instance).size
}

/** @returns the number of remaining members; undefined if the instance had already left */
export function removeMember (instance: Instance): number | undefined {
  return members.delete(instance) ? members.size : undefined
}

/** The instance that owns the operation, or the first one outside operations. */
export function instanceOf (where: Context): Instance | undefined {
  // Only instances own operations.
  return operationOf(where)?.owner as Instance | undefined ?? members.values().next().value
}

/** The first instance that collects metrics. */
export function instanceWithMetrics (): Instance | undefined {
  for (const member of members) if (member.metrics !== undefined) return member
}
