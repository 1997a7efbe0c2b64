/** The running emulator's HTTP API, for the commands. */
import type { Row } from '../emulator'
import type { Answer } from './tables'

export const DEFAULT_URL = 'http://127.0.0.1:4319'

/** Rows per answer, a limit of the API. */
const PAGE = 1_000

/** No emulator answers, or it can't find what was requested. The message is for people. */
export class ClientError extends Error {}

export interface RowQuery {
  operation?: string
  type?: string
  failed?: boolean
  role?: string
  text?: string
}

export class EmulatorClient {
  readonly url: string

  /** @param url without a path */
  constructor (url: string) {
    this.url = new URL(url).origin
  }

  /** Newest first. Keeps reading until there are `limit` rows or `isEnough` returns true. */
  async rows (query: RowQuery, limit: number, { signal, isEnough = () => false }: { signal?: AbortSignal, isEnough?: (row: Row) => boolean } = {}): Promise<Row[]> {
    const found: Row[] = []
    while (found.length < limit) {
      const params = new URLSearchParams({ offset: String(found.length), limit: String(Math.min(PAGE, limit - found.length)) })
      for (const [name, value] of Object.entries(query)) if (value !== undefined && value !== false) params.set(name, value === true ? '1' : String(value))
      const page = await this.#json<Row[]>(`/api/rows?${params}`, { signal })
      found.push(...page)
      // An answer may have fewer rows than requested because they are large.
      if (page.length === 0 || isEnough(page.at(-1)!)) break
    }
    return found
  }

  /** Operation id of the last failure: one of the service's own or, if there are none, any, such as a 404. */
  async lastFailure (signal?: AbortSignal): Promise<string | undefined> {
    const failed = (await this.rows({ failed: true }, PAGE, { signal })).filter(({ operation_Id: id }) => id !== undefined && id !== '')
    const found = failed.find(isOwnFailure) ?? failed.find(({ type }) => type === 'request') ?? failed[0]
    return found?.operation_Id
  }

  async query (kql: string, signal?: AbortSignal): Promise<Answer> {
    return await this.#json<Answer>('/api/query', { method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify({ query: kql }), signal })
  }

  /** Every row as received, one envelope a line. */
  async * envelopes (): AsyncGenerator<string> {
    const response = await this.#ask('/api/export', {})
    let rest = ''
    const decoder = new TextDecoder()
    for await (const chunk of response.body ?? []) {
      const lines = (rest + decoder.decode(chunk as Uint8Array, { stream: true })).split('\n')
      rest = lines.pop()!
      yield * lines
    }
    if (rest !== '') yield rest
  }

  pageOf (operationId: string): string {
    return `${this.url}/#/operation?id=${encodeURIComponent(operationId)}`
  }

  async #json<T> (path: string, init: RequestInit): Promise<T> {
    const response = await this.#ask(path, init)
    const body = await response.json() as T & { error?: string }
    if (!response.ok) throw new ClientError(body.error ?? `The emulator at ${this.url} answered ${response.status}`)
    return body
  }

  async #ask (path: string, init: RequestInit): Promise<Response> {
    let response: Response
    try {
      response = await fetch(this.url + path, init)
    } catch (error) {
      if ((error as Error).name === 'AbortError') throw error
      const { cause } = error as { cause?: NodeJS.ErrnoException }
      throw new ClientError(`No emulator answers at ${this.url} (${cause?.code ?? (error as Error).message}). Start one: npx fastify-app-insights emulator`)
    }
    if (!(response.headers.get('content-type') ?? '').includes('json')) throw new ClientError(`${this.url} is no emulator of fastify-app-insights (HTTP ${response.status})`)
    return response
  }
}

/** Excludes bad requests by clients: otherwise a browser's favicon.ico would hide all other failures. */
function isOwnFailure ({ type, resultCode, severityLevel }: Row): boolean {
  return type === 'exception' || (type === 'request' && Number(resultCode) >= 500) || (type === 'trace' && (severityLevel ?? 0) >= 3)
}
