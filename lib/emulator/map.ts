/** Requests and dependencies → the application map: services, what they call, and how those calls go. */
import { isFailed } from './query'
import { durations, groupBy, percentile, weight } from './series'
import { spanId } from './span-id'
import type { Kept } from './store'

export interface MapFigures { calls: number, failed: number, p95: number }

export interface MapNode extends MapFigures {
  /** For a service, its role; for a callee, target and kind. */
  id: string
  name: string
  /** `service`, or the kind of dependency: SQL, HTTP, Redis. */
  kind: string
}

export interface MapEdge extends MapFigures {
  from: string
  to: string
  /** As the caller's rows name them. */
  targets: string[]
}

export interface ServiceMap { nodes: MapNode[], edges: MapEdge[] }

/** With a role: that service, its callers and its callees. */
export function serviceMap (records: Kept[], role?: string): ServiceMap {
  const requests = records.filter(({ type }) => type === 'request')
  const calls = records.filter(record => record.type === 'dependency' && record.dependencyType !== 'InProc')
  const calleeOf = calleeFinder(requests, calls)
  const services = new Set([...requests, ...calls].map(serviceOf))

  const edges = groupBy(calls, call => [serviceOf(call), calleeOf(call)]).map(rows => ({
    from: serviceOf(rows[0]), to: calleeOf(rows[0]), targets: [...new Set(rows.map(({ target }) => target ?? ''))].slice(0, 20), kind: kindOf(rows[0]), ...figures(rows), rows
  })).filter(({ from, to }) => role === undefined || from === serviceId(role) || to === serviceId(role))

  const requestsOf = new Map(groupBy(requests, record => [serviceOf(record)]).map(rows => [serviceOf(rows[0]), rows]))
  const shown = new Set(edges.flatMap(({ from, to }) => [from, to]))
  const nodes: MapNode[] = []
  for (const id of services) {
    if (role === undefined || id === serviceId(role) || shown.has(id)) nodes.push({ id, name: id.slice(SERVICE.length) || '(no role)', kind: 'service', ...figures(requestsOf.get(id) ?? []) })
  }
  for (const id of shown) {
    if (services.has(id)) continue
    const into = edges.filter(({ to }) => to === id)
    nodes.push({ id, name: nameOf(into[0].rows[0]), kind: into[0].kind, ...figures(into.flatMap(({ rows }) => rows)) })
  }
  return { nodes, edges: edges.map(({ rows, kind, ...edge }) => edge) }
}

const SERVICE = 'service|'

function serviceId (role: string): string {
  return SERVICE + role
}

function serviceOf (record: Kept): string {
  return serviceId(record.cloud_RoleName ?? '')
}

function kindOf (call: Kept): string {
  return (call.dependencyType ?? '').split(' | ')[0] || 'call'
}

function nameOf (call: Kept): string {
  return call.target || call.name || '(no target)'
}

/** The callee is the service whose request has the call as its parent, or else the call's target. */
function calleeFinder (requests: Kept[], calls: Kept[]): (call: Kept) => string {
  const answeredBy = new Map<string, string>()
  for (const request of requests) if (request.operation_ParentId !== undefined) answeredBy.set(spanId(request.operation_ParentId), serviceOf(request))
  const direct = (call: Kept) => call.id === undefined || call.id === '' ? undefined : answeredBy.get(spanId(call.id))
  // A call that never arrived was meant for the service that answers others at the same address.
  const byTarget = new Map<string, string>()
  for (const call of calls) {
    const service = direct(call)
    if (service !== undefined && call.target) byTarget.set(call.target, service)
  }
  return call => direct(call) ?? byTarget.get(call.target ?? '') ?? `call|${kindOf(call)}|${nameOf(call)}`
}

function figures (rows: Kept[]): MapFigures {
  return { calls: weight(rows), failed: weight(rows.filter(isFailed)), p95: percentile(durations(rows), 0.95) }
}
