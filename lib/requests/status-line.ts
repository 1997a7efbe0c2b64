/** A socket that is written to without the response object (upgrades, parser errors) → the status that was sent. */
import type { ServerResponse } from 'node:http'
import type { Socket } from 'node:net'

const STATUS_LINE = /^HTTP\/1\.[01] (\d{3})\b/
const kStatus = Symbol('fastify-app-insights.status')

interface WithStatus { [kStatus]?: number }

/** The status that was written to the socket while it was watched, or in place of the response; undefined if there was none. */
export function statusWritten (to: Socket | ServerResponse | undefined): number | undefined {
  return (to as WithStatus | undefined)?.[kStatus]
}

/** The status was written to the socket before the response had begun. Whatever the app answers, its client won't see it. */
export function setStatusWritten (response: ServerResponse, status: number): void {
  (response as WithStatus)[kStatus] = status
}

/**
 * Reads the first chunk that is written, without changing it.
 * @returns a function that stops it
 */
export function watchStatusLine (socket: Socket, onStatus?: (status: number) => void): () => void {
  const { write, end } = socket
  // If these are own properties, another library has wrapped them too.
  const own = { write: Object.hasOwn(socket, 'write'), end: Object.hasOwn(socket, 'end') }

  function stop (): void {
    if (socket.write === watchedWrite) restore('write', write)
    if (socket.end === watchedEnd) restore('end', end)
  }

  function restore (name: 'write' | 'end', method: unknown): void {
    if (own[name]) Object.assign(socket, { [name]: method })
    else delete (socket as Partial<Socket>)[name]
  }

  function read (chunk: unknown): void {
    if (typeof chunk !== 'string' && !(chunk instanceof Uint8Array)) return
    stop()
    const head = typeof chunk === 'string' ? chunk.slice(0, 32) : Buffer.from(chunk.subarray(0, 32)).toString('latin1')
    const status = STATUS_LINE.exec(head)?.[1]
    if (status === undefined) return
    (socket as WithStatus)[kStatus] = Number(status)
    onStatus?.(Number(status))
  }

  function watchedWrite (this: Socket, ...args: unknown[]): unknown {
    read(args[0])
    return Reflect.apply(write, this, args)
  }

  function watchedEnd (this: Socket, ...args: unknown[]): unknown {
    read(args[0])
    return Reflect.apply(end, this, args)
  }

  Object.assign(socket, { write: watchedWrite, end: watchedEnd })
  return stop
}
