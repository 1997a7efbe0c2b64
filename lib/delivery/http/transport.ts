/** One body → one attempt → its outcome. When and how often to send is decided elsewhere. */
import { Agent as HttpAgent, request as httpRequest, type RequestOptions } from 'node:http'
import { Agent as HttpsAgent, request as httpsRequest } from 'node:https'
import { context } from '../../tracing/context'
import type { Connection } from '../../options/connection-string'
import { suppressTracing } from '@opentelemetry/core'
import { clearTimeout, setTimeout } from '../../clock'
import { outcomeOf, retryAfterOf, unusable, type Answer, type Outcome } from './answer'
import { proxyFrom, type FindProxy } from './proxy'
import { redirectedEndpoint, TRACK } from './redirect'

export interface Body { data: Buffer, gzip: boolean }

export interface TransportOptions {
  connection: Connection
  /** Limit for one exchange, until its answer is complete, in milliseconds. */
  requestTimeout: number
  parallel: number
  /** The Authorization header's value, if Microsoft Entra ID is used. */
  authorization: ((renew: boolean) => Promise<string>) | undefined
}

const MAX_REDIRECTS = 10
const MAX_ANSWER = 4 * 1024 * 1024

/** Owns the sockets; close() releases them. */
export class Transport {
  readonly #options: TransportOptions
  readonly #agents: { http: HttpAgent, https: HttpsAgent }
  readonly #closing = new AbortController()
  readonly #findProxy: FindProxy
  #endpoint: string

  constructor (options: TransportOptions) {
    this.#options = options
    this.#endpoint = options.connection.endpoint
    const keep = { keepAlive: true, maxSockets: options.parallel, scheduling: 'lifo' as const }
    this.#agents = { http: new HttpAgent(keep), https: new HttpsAgent(keep) }
    this.#findProxy = proxyFrom(process.env, this.#closing.signal)
  }

  /** Never rejects. */
  async send (body: Body, signal: AbortSignal): Promise<Outcome> {
    try {
      return await this.#send(body, signal)
    } catch (error) {
      if (signal.aborted) return { is: 'aborted' }
      if (error instanceof StaleConnection) return { is: 'unsent', message: error.message }
      // A redirect target may go away later, so always fall back to the original endpoint.
      this.#endpoint = this.#options.connection.endpoint
      return { is: 'failed', message: messageOf(error), retryAfter: undefined }
    }
  }

  close (): void {
    this.#closing.abort()
    this.#agents.http.destroy()
    this.#agents.https.destroy()
  }

  async #send (body: Body, signal: AbortSignal): Promise<Outcome> {
    const { authorization } = this.#options
    let renewed = false
    for (let redirects = 0; ;) {
      const header = await authorization?.(renewed)
      const url = new URL(this.#endpoint + TRACK)
      const answer = await this.#post(url, body, header, signal)
      if (answer.status === 307 || answer.status === 308) {
        const endpoint = ++redirects > MAX_REDIRECTS ? undefined : redirectedEndpoint(url, answer.location)
        this.#endpoint = endpoint ?? this.#options.connection.endpoint
        if (endpoint !== undefined) continue
        return unusable(`HTTP ${answer.status}, a redirect that ${redirects > MAX_REDIRECTS ? 'leads round in a circle' : 'may not be followed: to another host, or to no host'}`, answer.retryAfter)
      }
      if (authorization !== undefined && (answer.status === 401 || answer.status === 403)) {
        if (renewed) {
          // A new role assignment takes minutes to take effect, so this can still succeed.
          return { is: 'failed', message: `HTTP ${answer.status}: the credential lacks the role Monitoring Metrics Publisher, or belongs to another tenant`, retryAfter: answer.retryAfter }
        }
        renewed = true
        continue
      }
      return outcomeOf(answer)
    }
  }

  async #post (url: URL, body: Body, authorization: string | undefined, signal: AbortSignal): Promise<Answer> {
    const headers: Record<string, string | number> = {
      accept: 'application/json',
      'content-type': 'application/json',
      'content-length': body.data.length,
      'user-agent': 'fastify-app-insights'
    }
    if (body.gzip) headers['content-encoding'] = 'gzip'
    if (authorization !== undefined) headers.authorization = authorization
    const own = url.protocol === 'https:' ? this.#agents.https : this.#agents.http
    const agent = this.#options.connection.loopback ? own : await this.#findProxy(url) ?? own
    signal.throwIfAborted()
    // Otherwise an app in the same process would record our POSTs as its dependencies.
    return await context.with(suppressTracing(context.active()), async () => await exchange(url, { method: 'POST', headers, agent }, body.data, this.#options.requestTimeout, signal))
  }
}

class StaleConnection extends Error {}

/**
 * One request and its answer. Settles once and ignores later socket events. @azure/core-rest-pipeline won't do:
 * its timeout ends with the headers, it reads without a limit, and it keeps the process alive.
 */
function exchange (url: URL, options: RequestOptions, data: Buffer, timeout: number, signal: AbortSignal): Promise<Answer> {
  return new Promise((resolve, reject) => {
    let answer: Answer | undefined
    let settled = false
    const settle = (error?: Error): void => {
      if (settled) return
      settled = true
      clearTimeout(timer)
      signal.removeEventListener('abort', abort)
      if (error !== undefined) request.destroy()
      // Once there is a status, the rest doesn't matter.
      if (answer !== undefined && !signal.aborted) resolve(answer)
      else reject(error ?? new Error('the connection broke'))
    }
    const abort = (): void => settle(new Error('aborted'))
    // Covers the whole exchange: a server may also stall in the middle of its answer.
    const timer = setTimeout(() => settle(new Error(`no answer within ${timeout} ms`)), timeout)
    timer.unref()
    signal.addEventListener('abort', abort)

    const request = (url.protocol === 'https:' ? httpsRequest : httpRequest)(url, options, response => {
      const { headers, statusCode = 0 } = response
      answer = { status: statusCode, text: '', retryAfter: retryAfterOf(headers['retry-after'], headers.date), location: headers.location }
      const chunks: Buffer[] = []
      let size = 0
      response.on('data', (chunk: Buffer) => {
        size += chunk.length
        if (size > MAX_ANSWER) settle(new Error('the answer is too long'))
        else chunks.push(chunk)
      })
      response.on('end', () => {
        answer!.text = Buffer.concat(chunks).toString()
        settle()
      })
      response.on('error', settle)
      response.on('close', () => settle(new Error('the connection broke in the middle of the answer')))
    })
    request.on('socket', socket => socket.unref())
    request.on('error', (error: NodeJS.ErrnoException) => {
      const isStale = request.reusedSocket && (error.code === 'ECONNRESET' || error.code === 'EPIPE')
      settle(isStale ? new StaleConnection(messageOf(error)) : error)
    })
    request.on('close', () => settle(new Error('the connection closed before an answer')))
    request.end(data)
  })
}

/** The message shown to people: never includes a URL or a header. */
function messageOf (error: unknown): string {
  const { code, message } = error as NodeJS.ErrnoException
  return code !== undefined && !message.includes(code) ? `${code}: ${message}` : message || String(code ?? error)
}
