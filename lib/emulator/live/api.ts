/** Requests of the Live view → its stream and settings. An open stream counts as a watcher. */
import type { IncomingMessage, ServerResponse } from 'node:http'
import { HttpError, sendJson } from '../http-error'
import { readBody } from '../ingestion'
import { readConfiguration } from './configuration'
import type { LiveState } from './servers'
import type { LiveService } from '.'

const MAX_WATCHERS = 16
const SHOWN_DOCUMENTS = 60
/** Minimum time between two signals, in milliseconds. */
const SIGNAL_EVERY = 250

export class LiveApi {
  readonly #service: LiveService
  readonly #watchers = new Set<ServerResponse>()
  readonly #unlisten: () => void
  #signal: NodeJS.Timeout | undefined

  constructor (service: LiveService) {
    this.#service = service
    this.#unlisten = service.listen(() => { this.#signal ??= setTimeout(() => this.#tell(), SIGNAL_EVERY).unref() })
  }

  /** @returns false if the path is unknown. @throws HttpError */
  async handle (request: IncomingMessage, response: ServerResponse, url: URL): Promise<boolean> {
    if (url.pathname === '/api/live-metrics' && request.method === 'GET') this.#watch(request, response)
    else if (url.pathname === '/api/live-metrics/filters' && request.method === 'PUT') await this.#configure(request, response)
    else return false
    return true
  }

  close (): void {
    this.#unlisten()
    clearTimeout(this.#signal)
    for (const watcher of this.#watchers) watcher.end()
  }

  #watch (request: IncomingMessage, response: ServerResponse): void {
    if (this.#watchers.size >= MAX_WATCHERS) return sendJson(response, 503, { error: 'Too many windows are watching' })
    response.writeHead(200, { 'content-type': 'text/event-stream; charset=utf-8' })
    response.write(`retry: 1000\ndata: ${JSON.stringify(this.#state())}\n\n`)
    this.#watchers.add(response)
    const unwatch = this.#service.watch()
    const end = (): void => {
      this.#watchers.delete(response)
      unwatch()
    }
    request.once('close', end)
    response.once('close', end)
  }

  async #configure (request: IncomingMessage, response: ServerResponse): Promise<void> {
    const configuration = readConfiguration(parsed(await readBody(request, () => {})))
    if (configuration === undefined) throw new HttpError(400, 'The filters are a list of { telemetryType, field, predicate, comparand }')
    this.#service.configure(configuration)
    this.#tell()
    sendJson(response, 200, this.#state())
  }

  #state (): LiveState {
    const { servers, documents, configuration } = this.#service
    return { servers, documents: documents.slice(-SHOWN_DOCUMENTS).reverse(), configuration }
  }

  #tell (): void {
    this.#signal = undefined
    const text = `data: ${JSON.stringify(this.#state())}\n\n`
    for (const watcher of this.#watchers) {
      // The backlog of a page that doesn't read would fill our memory.
      if (watcher.writableLength > 1_000_000) watcher.destroy()
      else watcher.write(text)
    }
  }
}

function parsed (body: Buffer): unknown {
  try {
    return JSON.parse(body.toString()) as unknown
  } catch {
    return undefined
  }
}
