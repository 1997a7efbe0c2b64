/** An error → whether it only says that something was aborted. */
import { readProperty } from './hostile'

/** Of an AbortSignal, of a stream that was closed early, or Node.js' own about a request that was cut off. */
export function isAbort (error: unknown): boolean {
  const code = readProperty(error, 'code')
  if (code === 'ECONNRESET') return readProperty(error, 'message') === 'aborted'
  return code === 'ERR_STREAM_PREMATURE_CLOSE' || readProperty(error, 'name') === 'AbortError'
}
