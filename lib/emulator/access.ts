/** Who may access the emulator: Host must be this machine; Origin must be the page itself, or one that may send telemetry. */
import type { IncomingHttpHeaders, IncomingMessage, ServerResponse } from 'node:http'
import { HttpError } from './http-error'

const LOOPBACK = /^(?:localhost|[a-z0-9-]+\.localhost|127(?:\.\d{1,3}){3}|\[::1\])$/i

/** Prevents DNS rebinding: someone else's page, on a domain that resolves to this machine. @throws HttpError 403 */
export function checkHost ({ host }: IncomingHttpHeaders): void {
  // Ignore the port: only 127.0.0.1 is bound, so it needs no check.
  if (host === undefined || !LOOPBACK.test(host.replace(/:\d+$/, ''))) throw new HttpError(403, 'The emulator answers to 127.0.0.1 and localhost only')
}

/** Only the page itself may read. @throws HttpError 403 */
export function checkReader (headers: IncomingHttpHeaders): void {
  const { origin, host } = headers
  if (origin !== undefined && origin !== `http://${host}`) throw new HttpError(403, 'Other pages may not read from the emulator')
  const site = headers['sec-fetch-site']
  // Links from other sites to the page are fine, but its data must not be embedded.
  if (site !== undefined && site !== 'same-origin' && site !== 'none' && headers['sec-fetch-mode'] !== 'navigate') throw new HttpError(403, 'Other pages may not read from the emulator')
}

/**
 * Lets pages on this machine send telemetry from a browser. False if the request has been answered.
 * @throws HttpError 403
 */
export function applyCors (request: IncomingMessage, response: ServerResponse, origins: readonly string[]): boolean {
  const { origin } = request.headers
  if (origin !== undefined) {
    // Otherwise any website could add rows to a developer's emulator.
    if (!isLocalOrigin(origin) && !origins.includes(origin)) throw new HttpError(403, 'Only pages of this machine may send telemetry to the emulator; see the option origins')
    response.setHeader('access-control-allow-origin', origin)
    response.setHeader('access-control-allow-credentials', 'true')
    response.setHeader('access-control-expose-headers', 'x-ms-qps-subscribed, retry-after')
    response.setHeader('vary', 'origin')
  }
  if (request.method !== 'OPTIONS') return true
  response.writeHead(204, {
    'access-control-allow-methods': 'POST, GET, OPTIONS',
    'access-control-allow-headers': request.headers['access-control-request-headers'] ?? 'content-type',
    'access-control-allow-private-network': 'true',
    'access-control-max-age': '3600'
  }).end()
  return false
}

function isLocalOrigin (origin: string): boolean {
  try {
    return LOOPBACK.test(new URL(origin).hostname)
  } catch {
    return false
  }
}
