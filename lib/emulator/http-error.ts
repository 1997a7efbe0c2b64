/** An answer other than the usual one, as an error, and how answers are written. */
import type { IncomingMessage, ServerResponse } from 'node:http'

/** What cannot be taken at all. */
export class HttpError extends Error {
  readonly status: number
  constructor (status: number, message: string) {
    super(message)
    this.status = status
  }
}

/** What a client may still send of a body that nobody wants, and for how long, before its connection is cut. */
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
  // What is still being sent is not worth reading: the connection ends with the answer.
  response.setHeader('connection', 'close')
  sendJson(response, status, { error: message })
  const { req } = response
  if (!req.complete) drain(req)
}

/** Reads and forgets a little more, so that the client can see the answer before the connection ends. */
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
