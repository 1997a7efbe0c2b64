/** Who may ask the emulator what: its Host must be this machine, its Origin the page itself or one that may send telemetry. */
import type { IncomingHttpHeaders, IncomingMessage, ServerResponse } from 'node:http'
import { HttpError } from './http-error'

const LOOPBACK = /^(?:localhost|[a-z0-9-]+\.localhost|127(?:\.\d{1,3}){3}|\[::1\])$/i

/** A name that somebody else's DNS points at this machine is still somebody else's page. @throws HttpError 403 */
export function checkHost ({ host }: IncomingHttpHeaders): void {
  // A name ends at its port; only 127.0.0.1 is bound, so the port needs no check.
  if (host === undefined || !LOOPBACK.test(host.replace(/:\d+$/, ''))) throw new HttpError(403, 'The emulator answers to 127.0.0.1 and localhost only')
}

/** Nobody but the page itself reads. @throws HttpError 403 */
export function checkReader (headers: IncomingHttpHeaders): void {
  const { origin, host } = headers
  if (origin !== undefined && origin !== `http://${host}`) throw new HttpError(403, 'Other pages may not read from the emulator')
  const site = headers['sec-fetch-site']
  // Following a link from elsewhere to the page is fine, its data is not for embedding.
  if (site !== undefined && site !== 'same-origin' && site !== 'none' && headers['sec-fetch-mode'] !== 'navigate') throw new HttpError(403, 'Other pages may not read from the emulator')
}

/**
 * Lets pages of this machine send telemetry from a browser. False where the answer has been given.
 * @throws HttpError 403
 */
export function applyCors (request: IncomingMessage, response: ServerResponse, origins: readonly string[]): boolean {
  const { origin } = request.headers
  if (origin !== undefined) {
    // Anything on the web could post into a developer's rows otherwise.
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
