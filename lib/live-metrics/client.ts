/** One ping or post → the service's answer. The caller decides when. */
import { Agent as HttpAgent, type AgentOptions, type ClientRequest } from 'node:http'
import { Agent as HttpsAgent } from 'node:https'
import type * as RestPipeline from '@azure/core-rest-pipeline'
import { ROOT_CONTEXT } from '@opentelemetry/api'
import { suppressTracing } from '@opentelemetry/core'
import { clearTimeout, setTimeout, wallClock } from '../clock'
import { isLoopback } from '../options/connection-string'
import { wellFormedJson } from '../rows/well-formed'
import { context } from '../tracing/context'
import { API_VERSION, transmissionTime, type CollectionConfiguration, type MonitoringDataPoint } from './protocol'

export interface LiveClientOptions {
  /** Origin of the service, without a trailing slash. */
  endpoint: string
  /** The service is on this machine: plain HTTP, and no proxy. */
  loopback: boolean
  instrumentationKey: string
  /** Returns the Authorization header. `renew`: the last one was refused. */
  authorization: ((renew: boolean) => Promise<string>) | undefined
  /** Returns the proxy's agent, if the URL needs one. */
  findProxy: (url: URL) => Promise<HttpAgent | undefined>
  /** Returns the target of a redirect, if it may be followed. */
  redirected: (from: URL, location: string | undefined) => string | undefined
  /** Limit for one exchange, including the whole answer, in milliseconds. */
  requestTimeout: number
}

export interface LiveAnswer {
  isSubscribed: boolean
  /** The new filters, if they have changed. */
  configuration: CollectionConfiguration | undefined
  /** Milliseconds until the next ping, if the service sets it. */
  pollingInterval: number | undefined
}

/** An answer with a status that can't be used. */
export class LiveError extends Error {
  readonly status: number
  constructor (status: number) {
    super(`HTTP ${status}`)
    this.status = status
  }
}

const MAX_ANSWER = 1024 * 1024
// In milliseconds. A timer longer than 24.8 days fires at once.
const SHORTEST_INTERVAL = 1_000
const LONGEST_INTERVAL = 3_600_000

export class LiveClient {
  readonly #options: LiveClientOptions
  readonly #closing = new AbortController()
  readonly #agents = { http: unrefed(HttpAgent), https: unrefed(HttpsAgent) }
  #endpoint: string
  #http: RestPipeline.HttpClient | undefined

  constructor (options: LiveClientOptions) {
    this.#options = options
    this.#endpoint = options.endpoint
  }

  /**
   * @param etag the etag of the current filters
   * @throws if there is no answer, or the service refuses
   */
  async ping (point: MonitoringDataPoint, etag: string): Promise<LiveAnswer> {
    return await this.#exchange('ping', point, {
      'x-ms-qps-stream-id': point.StreamId,
      'x-ms-qps-machine-name': headerText(point.MachineName),
      'x-ms-qps-role-name': headerText(point.RoleName),
      'x-ms-qps-instance-name': headerText(point.Instance),
      'x-ms-qps-invariant-version': String(point.InvariantVersion)
    }, etag)
  }

  async post (point: MonitoringDataPoint, etag: string): Promise<LiveAnswer> {
    return await this.#exchange('post', [point], {}, etag)
  }

  close (): void {
    this.#closing.abort()
    this.#agents.http.destroy()
    this.#agents.https.destroy()
  }

  async #exchange (path: string, body: unknown, headers: Record<string, string>, etag: string): Promise<LiveAnswer> {
    const text = wellFormedJson(JSON.stringify(body))
    try {
      let answer = await this.#send(path, text, headers, etag, false)
      const isRefused = answer.status === 401 || answer.status === 403
      if (isRefused && this.#options.authorization !== undefined) answer = await this.#send(path, text, headers, etag, true)
      if (answer.status !== 200) throw new LiveError(answer.status)
      return this.#read(answer, etag)
    } catch (error) {
      // The target of a redirect may stop working, so go back to the original endpoint.
      this.#endpoint = this.#options.endpoint
      throw error
    }
  }

  async #send (path: string, body: string, headers: Record<string, string>, etag: string, renew: boolean): Promise<RestPipeline.PipelineResponse & { text: string }> {
    // Loaded with the first ping, because a new thread has rows to send first.
    const { createDefaultHttpClient, createHttpHeaders, createPipelineRequest } = require('@azure/core-rest-pipeline') as typeof RestPipeline
    this.#http ??= createDefaultHttpClient()
    const { authorization, findProxy, instrumentationKey, loopback, requestTimeout } = this.#options
    const url = new URL(`${this.#endpoint}/QuickPulseService.svc/${path}?api-version=${API_VERSION}&ikey=${instrumentationKey}`)
    const token = await authorization?.(renew)
    const own = url.protocol === 'https:' ? this.#agents.https : this.#agents.http
    const agent = loopback ? own : await findProxy(url) ?? own
    const over = new AbortController()
    const abort = (): void => over.abort()
    this.#closing.signal.addEventListener('abort', abort)
    // The request's own timeout stops when the headers arrive, and keeps the process alive.
    const timer = setTimeout(abort, requestTimeout).unref()
    try {
      const http = this.#http
      // Otherwise the app would report this call as a dependency when we run in its process.
      const response = await context.with(suppressTracing(ROOT_CONTEXT), async () => await http.sendRequest(createPipelineRequest({
        url: url.href,
        method: 'POST',
        body,
        agent,
        timeout: 0,
        abortSignal: over.signal,
        allowInsecureConnection: loopback,
        // Read below, with a size limit.
        streamResponseStatusCodes: new Set([Number.POSITIVE_INFINITY]),
        headers: createHttpHeaders({
          accept: 'application/json',
          'content-type': 'application/json',
          'user-agent': 'fastify-app-insights',
          'x-ms-qps-transmission-time': transmissionTime(wallClock()),
          'x-ms-qps-configuration-etag': etag,
          ...headers,
          ...(token === undefined ? {} : { authorization: token })
        })
      })))
      return { ...response, text: await textOf(response.readableStreamBody) }
    } finally {
      clearTimeout(timer)
      this.#closing.signal.removeEventListener('abort', abort)
    }
  }

  #read ({ headers, text, request }: RestPipeline.PipelineResponse & { text: string }, etag: string): LiveAnswer {
    const newEtag = headers.get('x-ms-qps-configuration-etag')
    const interval = Number(headers.get('x-ms-qps-service-polling-interval-hint'))
    this.#redirect(new URL(request.url), headers.get('x-ms-qps-service-endpoint-redirect-v2'))
    return {
      isSubscribed: headers.get('x-ms-qps-subscribed')?.toLowerCase() === 'true',
      configuration: newEtag !== undefined && newEtag !== etag ? configurationOf(text, newEtag) : undefined,
      pollingInterval: interval > 0 ? Math.min(LONGEST_INTERVAL, Math.max(SHORTEST_INTERVAL, interval)) : undefined
    }
  }

  #redirect (from: URL, location: string | undefined): void {
    if (location === undefined || !URL.canParse(location)) return
    const to = new URL(location)
    if (this.#options.loopback) {
      if (isLoopback(to) && /^https?:$/.test(to.protocol)) this.#endpoint = to.origin
      return
    }
    const endpoint = this.#options.redirected(from, to.origin)
    if (endpoint !== undefined) this.#endpoint = endpoint
  }
}

function configurationOf (text: string, etag: string): CollectionConfiguration | undefined {
  if (text.trim() === '') return undefined
  const given = JSON.parse(text) as CollectionConfiguration | null
  return typeof given === 'object' && given !== null ? { ...given, ETag: etag } : undefined
}

async function textOf (stream: NodeJS.ReadableStream | undefined): Promise<string> {
  if (stream === undefined) return ''
  const chunks: Buffer[] = []
  let size = 0
  for await (const chunk of stream as AsyncIterable<Buffer>) {
    size += chunk.length
    if (size > MAX_ANSWER) throw new Error('the answer is too long')
    chunks.push(chunk)
  }
  return Buffer.concat(chunks).toString()
}

/** Replaces characters that a header can't contain. The body has the original name. */
function headerText (value: string): string {
  return value.replaceAll(/[^\x20-\x7e]/g, '_')
}

interface UnrefSocket { unref?: () => void }

/** An agent whose sockets, new or reused, don't keep the process alive. */
function unrefed<T extends HttpAgent> (Agent: new (options: AgentOptions) => T): T {
  const agent = new Agent({ keepAlive: true, maxSockets: 1 })
  const patched = agent as unknown as {
    createConnection: (...given: unknown[]) => UnrefSocket | undefined
    reuseSocket: (socket: UnrefSocket, request: ClientRequest) => void
  }
  const { createConnection, reuseSocket } = patched
  patched.createConnection = (...given) => {
    const socket = createConnection.apply(agent, given)
    socket?.unref?.()
    return socket
  }
  patched.reuseSocket = (socket, request) => {
    reuseSocket.call(agent, socket, request)
    socket.unref?.()
  }
  return agent
}
