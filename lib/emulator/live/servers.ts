/** Posts of Live Metrics → each server's last minute and a sample of its items, all bounded. */
import type { LiveConfiguration } from './configuration'

export interface LiveDocument {
  /** When it arrived, in milliseconds since 1970. */
  at: number
  server: string
  type: string
  /** The fields that the server sent, by the protocol's names. */
  fields: Record<string, string>
  properties: Record<string, string>
}

export interface LivePoint {
  /** Milliseconds since 1970 on the server's clock. Its rates cover the time between two points. */
  at: number
  /** Values by the protocol's names. */
  metrics: Record<string, number>
}

export interface LiveServer {
  streamId: string
  role: string
  instance: string
  machine: string
  version: string
  invariantVersion: number
  /** Time of its last ping or post, in milliseconds since 1970. */
  seenAt: number
  /** The last 60 points. */
  points: LivePoint[]
  /** Errors in the filters that the server reported. */
  errors: string[]
}

/** Sent to the page on every change. */
export interface LiveState {
  servers: LiveServer[]
  /** Latest first. */
  documents: LiveDocument[]
  configuration: LiveConfiguration
}

const MAX_SERVERS = 64
const MAX_POINTS = 60
const MAX_METRICS = 100
const MAX_DOCUMENTS = 200
const MAX_TEXT = 4_096
const MAX_PROPERTIES = 60
const MAX_ERRORS = 20
const FORGET_AFTER = 120_000

export class LiveServers {
  /** Oldest first. */
  documents: LiveDocument[] = []
  readonly #servers = new Map<string, LiveServer>()

  get all (): LiveServer[] {
    return [...this.#servers.values()]
  }

  clear (): void {
    this.#servers.clear()
    this.documents = []
  }

  /** Handles a ping, or the header of a post. @returns undefined if it is neither */
  see (given: unknown): LiveServer | undefined {
    if (!isObject(given)) return undefined
    const streamId = text(given.StreamId)
    const server = this.#servers.get(streamId)
    const now = Date.now()
    if (server !== undefined) {
      server.seenAt = now
      return server
    }
    for (const [id, { seenAt }] of this.#servers) if (now - seenAt > FORGET_AFTER || this.#servers.size >= MAX_SERVERS) this.#servers.delete(id)
    const added: LiveServer = {
      streamId,
      role: text(given.RoleName),
      instance: text(given.Instance),
      machine: text(given.MachineName),
      version: text(given.Version),
      invariantVersion: Number(given.InvariantVersion),
      seenAt: now,
      points: [],
      errors: []
    }
    this.#servers.set(streamId, added)
    return added
  }

  /** @returns whether it is a valid point */
  post (given: unknown): boolean {
    const server = this.see(given)
    if (server === undefined || !isObject(given)) return false
    server.points.push({ at: timeOf(given.Timestamp) ?? server.seenAt, metrics: metricsOf(given.Metrics) })
    if (server.points.length > MAX_POINTS) server.points.shift()
    server.errors = list(given.CollectionConfigurationErrors).slice(0, MAX_ERRORS).map(error => isObject(error) ? text(error.Message) : '')
    for (const document of list(given.Documents)) if (isObject(document)) this.#add(server, document)
    return true
  }

  #add (server: LiveServer, { DocumentType, DocumentStreamIds, Properties, ...rest }: Record<string, unknown>): void {
    const fields = Object.fromEntries(Object.entries(rest).slice(0, MAX_PROPERTIES).filter(([, value]) => value !== null && value !== undefined).map(([name, value]) => [text(name), text(value)]))
    const properties = Object.fromEntries(list(Properties).slice(0, MAX_PROPERTIES).filter(isObject).map(({ key, value }) => [text(key), text(value)]))
    this.documents.push({ at: server.seenAt, server: server.streamId, type: text(DocumentType), fields, properties })
    if (this.documents.length > MAX_DOCUMENTS) this.documents.shift()
  }
}

function metricsOf (given: unknown): Record<string, number> {
  const metrics: Record<string, number> = {}
  for (const metric of list(given).slice(0, MAX_METRICS)) {
    if (isObject(metric) && typeof metric.Value === 'number') metrics[text(metric.Name)] = metric.Value
  }
  return metrics
}

/** ISO 8601, or the older `/Date(1700000000000)/`. */
function timeOf (given: unknown): number | undefined {
  const older = /^\/Date\((\d+)\)\/$/.exec(text(given))?.[1]
  const time = older === undefined ? Date.parse(text(given)) : Number(older)
  return Number.isNaN(time) ? undefined : time
}

function list (given: unknown): unknown[] {
  return Array.isArray(given) ? given : []
}

function text (given: unknown): string {
  return (typeof given === 'string' ? given : given === undefined || given === null ? '' : JSON.stringify(given)).slice(0, MAX_TEXT)
}

function isObject (given: unknown): given is Record<string, unknown> {
  return typeof given === 'object' && given !== null && !Array.isArray(given)
}
