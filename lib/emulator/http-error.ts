/** HTTP errors, and how answers are written. */
import type { IncomingMessage, ServerResponse } from 'node:http'

/** A request that can't be served at all. */
export class HttpError extends Error {
  readonly status: number
  constructor (status: number, message: string) {
    super(message)
    this.status = status
  }
}

/** How much, and for how long, a client may keep sending a rejected body before its connection is cut. */
const DRAINED_BYTES = 32_000_000
const DRAINED_FOR = 2_000

export function sendJson (response: ServerResponse, status: number, body: unknown, headers: Record<string, string> = {}): void {
  if (response.destroyed) return
  const text = typeof body === 'string' ? body : JSON.stringify(body)
  response.writeHead(status, { 'content-type': 'application/json; charset=utf-8', ...headers })
  response.end(text)
}

export function sendError (response: ServerResponse, status: number, message: string): void {
  if (response.headersSent) {
    response.destroy()
    return
  }
  // The rest of the body isn't worth reading: close the connection after the answer.
  response.setHeader('connection', 'close')
  sendJson(response, status, { error: message })
  const { req } = response
  if (!req.complete) drain(req)
}

/** Discards a little more input, so that the client can read the answer before the connection closes. */
function drain (request: IncomingMessage): void {
  let left = DRAINED_BYTES
  const timer = setTimeout(() => request.destroy(), DRAINED_FOR).unref()
  request.on('data', (chunk: Buffer) => {
    left -= chunk.length
    if (left < 0) request.destroy()
  })
  request.once('close', () => clearTimeout(timer))
  request.once('error', () => {})
  request.resume()
}
