/** One body → one POST → what became of it. Decides nothing about when, or how often. */
import { Agent as HttpAgent, request as httpRequest, type IncomingMessage } from 'node:http'
import { Agent as HttpsAgent, request as httpsRequest } from 'node:https'
import type { PipelineRequest, PipelineResponse } from '@azure/core-rest-pipeline'
import type * as RestPipeline from '@azure/core-rest-pipeline'
import type { Connection } from '../options/connection-string'
import { suppressTracing } from '@opentelemetry/core'
import { context } from '../tracing/context'
import type { Reason } from './stats'

export interface Body { data: Buffer, gzip: boolean }

export type Outcome =
  | { is: 'accepted' }
  /** Some items were refused; what is not in the list was accepted. */
  | { is: 'partial', again: number[], refused: Array<{ index: number, reason: Reason }>, message: string, retryAfter: number | undefined }
  | { is: 'refused', reason: Reason, message: string }
  | { is: 'tooLarge', message: string }
  /** Nothing was accepted, and another attempt may succeed. */
  | { is: 'failed', message: string, retryAfter: number | undefined }
  | { is: 'aborted' }

export interface TransportOptions {
  connection: Connection
  requestTimeout: number
  parallel: number
  /** The value of the Authorization header, where Microsoft Entra ID is used. */
  authorization: ((renew: boolean) => Promise<string>) | undefined
}

/** The path that the exporter posts to. */
export const TRACK = '/v2.1/track'
const MAX_REDIRECTS = 10
const MAX_ANSWER = 4 * 1024 * 1024
const DAY = 24 * 60 * 60 * 1000
// The exporter's groups of Azure hosts that may hand over to each other.
const TRUSTED_HOSTS = [
  ['.livediagnostics.monitor.azure.com', '.monitor.azure.com', '.services.visualstudio.com', '.applicationinsights.azure.com'],
  ['.monitor.azure.us', '.applicationinsights.azure.us'],
  ['.monitor.azure.cn', '.applicationinsights.azure.cn']
]

interface Answer { status: number, text: string, retryAfter: number | undefined, location: string | undefined }

/** Owns the sockets: close() lets go of them. */
export class Transport {
  readonly #options: TransportOptions
  readonly #agents: { http: HttpAgent, https: HttpsAgent }
  readonly #aborts = new Map<object, () => void>()
  /** Given up before their request began. */
  readonly #given = new WeakSet<object>()
  #proxy: ((url: string) => Promise<HttpAgent | undefined>) | undefined
  #endpoint: string

  constructor (options: TransportOptions) {
    this.#options = options
    this.#endpoint = options.connection.endpoint
    const keep = { keepAlive: true, maxSockets: options.parallel, scheduling: 'lifo' as const }
    this.#agents = { http: new HttpAgent(keep), https: new HttpsAgent(keep) }
  }

  /** Never rejects. `key` names the request for abort(). */
  async send (key: object, body: Body): Promise<Outcome> {
    let renewed = false
    for (let redirects = 0; ;) {
      let answer: Answer
      try {
        const authorization = await this.#options.authorization?.(renewed)
        answer = await this.#post(key, body, authorization)
      } catch (error) {
        if (error instanceof Aborted) return { is: 'aborted' }
        // A redirect may lead nowhere after a while; the way back is always open.
        this.#endpoint = this.#options.connection.endpoint
        return { is: 'failed', message: messageOf(error), retryAfter: undefined }
      }

      if (answer.status === 307 || answer.status === 308) {
        if (++redirects > MAX_REDIRECTS || !this.#redirect(answer.location)) {
          this.#endpoint = this.#options.connection.endpoint
          return { is: 'refused', reason: 'refused', message: `HTTP ${answer.status} to a place that may not be followed` }
        }
        continue
      }
      if (this.#options.authorization !== undefined && (answer.status === 401 || answer.status === 403)) {
        if (!renewed) {
          renewed = true
          continue
        }
        // A role assignment takes minutes to arrive, and a new one makes this good.
        return { is: 'failed', message: `HTTP ${answer.status}: the credential lacks the role Monitoring Metrics Publisher, or belongs to another tenant`, retryAfter: answer.retryAfter }
      }
      return outcomeOf(answer)
    }
  }

  abort (key: object): void {
    this.#given.add(key)
    this.#aborts.get(key)?.()
  }

  close (): void {
    for (const key of this.#aborts.keys()) this.abort(key)
    this.#agents.http.destroy()
    this.#agents.https.destroy()
  }

  async #post (key: object, body: Body, authorization: string | undefined): Promise<Answer> {
    const url = new URL(this.#endpoint + TRACK)
    const agent = await this.#agentFor(url)
    const once = (): Promise<Answer> => new Promise((resolve, reject) => {
      if (this.#given.has(key)) return reject(new Aborted())
      const headers: Record<string, string | number> = {
        accept: 'application/json',
        'content-type': 'application/json',
        'content-length': body.data.length,
        'user-agent': 'fastify-app-insights'
      }
      if (body.gzip) headers['content-encoding'] = 'gzip'
      if (authorization !== undefined) headers.authorization = authorization

      // Without this, an app in whose process we run would see our POSTs as its dependencies.
      const request = context.with(suppressTracing(context.active()), () =>
        (url.protocol === 'https:' ? httpsRequest : httpRequest)(url, { method: 'POST', headers, agent }, response => {
          read(response).then(text => {
            finish()
            resolve({
              status: response.statusCode ?? 0,
              text,
              retryAfter: retryAfterOf(response.headers['retry-after']),
              location: response.headers.location
            })
          }, fail)
        }))
      // Of the whole exchange: a server may also stop in the middle of its answer.
      const timer = setTimeout(() => fail(new Error(`no answer within ${this.#options.requestTimeout} ms`)), this.#options.requestTimeout)
      timer.unref()
      const finish = (): void => {
        clearTimeout(timer)
        this.#aborts.delete(key)
      }
      const fail = (error: Error): void => {
        finish()
        const reused = request.reusedSocket
        request.destroy()
        // The server closed an idle connection just as we took it: it has read nothing.
        const { code } = error as NodeJS.ErrnoException
        if (reused && (code === 'ECONNRESET' || code === 'EPIPE')) resolve(once())
        else reject(error)
      }
      this.#aborts.set(key, () => fail(new Aborted()))
      request.on('socket', socket => socket.unref())
      request.on('error', fail)
      request.end(body.data)
    })
    return once()
  }

  async #agentFor (url: URL): Promise<HttpAgent> {
    const own = url.protocol === 'https:' ? this.#agents.https : this.#agents.http
    if (this.#options.connection.loopback) return own
    this.#proxy ??= proxyFromEnvironment()
    return await this.#proxy(url.href) ?? own
  }

  #redirect (location: string | undefined): boolean {
    if (location === undefined || !URL.canParse(location)) return false
    const to = new URL(location)
    const from = new URL(this.#endpoint)
    if (to.hostname === from.hostname) {
      if (to.port !== from.port) return false
    } else {
      if (to.port !== '' || from.port !== '') return false
      const related = TRUSTED_HOSTS.some(group => [to, from].every(url => group.some(suffix => url.hostname.endsWith(suffix))))
      if (!related) return false
    }
    if (to.protocol !== 'https:' && !this.#options.connection.loopback) return false
    const path = to.pathname.endsWith(TRACK) ? to.pathname.slice(0, -TRACK.length) : ''
    this.#endpoint = to.origin + path
    return true
  }
}

class Aborted extends Error {}

function read (response: IncomingMessage): Promise<string> {
  return new Promise((resolve, reject) => {
    const chunks: Buffer[] = []
    let size = 0
    response.on('data', (chunk: Buffer) => {
      size += chunk.length
      if (size <= MAX_ANSWER) chunks.push(chunk)
    })
    response.on('end', () => resolve(Buffer.concat(chunks).toString()))
    response.on('error', reject)
    response.on('aborted', () => reject(new Error('the connection broke in the middle of the answer')))
  })
}

function outcomeOf ({ status, text, retryAfter }: Answer): Outcome {
  if (status === 206) return partial(text, retryAfter)
  if (status >= 200 && status < 300) return { is: 'accepted' }
  const message = `HTTP ${status}${detail(text)}`
  if (status === 413) return { is: 'tooLarge', message }
  if (retriable(status)) return { is: 'failed', message, retryAfter }
  return { is: 'refused', reason: reasonOf(status), message }
}

interface TrackAnswer { errors?: Array<{ index?: number, statusCode?: number, message?: string }> }

function partial (text: string, retryAfter: number | undefined): Outcome {
  const again: number[] = []
  const refused: Array<{ index: number, reason: Reason }> = []
  let message = ''
  for (const { index, statusCode, message: said = '' } of answerOf(text)?.errors ?? []) {
    if (typeof index !== 'number' || typeof statusCode !== 'number') continue
    const sampled = said.toLowerCase() === 'telemetry sampled out.'
    if (!sampled) message ||= `HTTP ${statusCode} for some items${said && `: ${said.slice(0, 200)}`}`
    if (sampled) refused.push({ index, reason: 'sampledByService' })
    else if (retriable(statusCode)) again.push(index)
    else refused.push({ index, reason: reasonOf(statusCode) })
  }
  if (again.length === 0 && refused.length === 0) return { is: 'accepted' }
  return { is: 'partial', again, refused, message, retryAfter }
}

function answerOf (text: string): TrackAnswer | undefined {
  try {
    const answer: unknown = JSON.parse(text)
    return typeof answer === 'object' && answer !== null && Array.isArray((answer as TrackAnswer).errors) ? answer as TrackAnswer : undefined
  } catch {
    return undefined
  }
}

function detail (text: string): string {
  const said = answerOf(text)?.errors?.[0]?.message
  return typeof said === 'string' && said !== '' ? `: ${said.slice(0, 200)}` : ''
}

function retriable (status: number): boolean {
  return status === 408 || status === 429 || status >= 500
}

function reasonOf (status: number): Reason {
  switch (status) {
    case 400: return 'badRequest'
    case 401: return 'unauthorized'
    case 402: case 439: return 'quota'
    case 403: return 'forbidden'
    case 413: return 'tooLarge'
    default: return 'refused'
  }
}

/** Seconds, or a date; in milliseconds from now. */
export function retryAfterOf (header: string | undefined): number | undefined {
  if (header === undefined) return undefined
  const wait = /^\s*\d+\s*$/.test(header) ? Number(header) * 1000 : Date.parse(header) - Date.now()
  return wait > 0 ? Math.min(wait, DAY) : undefined
}

/** What is told to people: never a URL or a header. */
function messageOf (error: unknown): string {
  const { code, message } = error as NodeJS.ErrnoException
  return code !== undefined && !message.includes(code) ? `${code}: ${message}` : message || String(code ?? error)
}

/** HTTPS_PROXY, HTTP_PROXY, ALL_PROXY and NO_PROXY, read as Azure's own clients read them. */
function proxyFromEnvironment (): (url: string) => Promise<HttpAgent | undefined> {
  const { createHttpHeaders, createPipelineRequest, proxyPolicy } = require('@azure/core-rest-pipeline') as typeof RestPipeline
  const policy = proxyPolicy()
  return async url => {
    let agent: HttpAgent | undefined
    await policy.sendRequest(createPipelineRequest({ url, method: 'POST' }), async (request: PipelineRequest): Promise<PipelineResponse> => {
      agent = request.agent as HttpAgent | undefined
      return { request, status: 200, headers: createHttpHeaders() }
    })
    // The policy makes agents that connect anew for every request.
    if (agent !== undefined) Object.assign(agent, { keepAlive: true })
    return agent
  }
}
