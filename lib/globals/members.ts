/** The instances of this process → whose rows those of a context are. */
import type { Context } from '@opentelemetry/api'
import type { Instance } from '../instance'
import { operationOf } from '../tracing/operation'

// The OpenTelemetry API is one per process, so is the list of those who share it.
const members = new Set<Instance>()

/** @returns how many there are now */
export function addMember (instance: Instance): number {
  return members.add(instance).size
}

/** @returns how many are left; undefined where it had left before */
export function removeMember (instance: Instance): number | undefined {
  return members.delete(instance) ? members.size : undefined
}

/** The operation's, outside of operations the first one's. */
export function instanceOf (where: Context): Instance | undefined {
  // Nothing else owns operations.
  return operationOf(where)?.owner as Instance | undefined ?? members.values().next().value
}

/** The first that collects metrics. */
export function instanceWithMetrics (): Instance | undefined {
  for (const member of members) if (member.metrics !== undefined) return member
}
