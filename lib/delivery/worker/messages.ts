/** Messages between the two threads. They carry durations instead of times, as the threads' clocks may differ. */
import type { MessagePort } from 'node:worker_threads'
import type { LiveInstance } from '../../live-metrics'
import type { Counts, State } from '../counters'
import type { Token } from '../http/tokens'
import type { FileOwnership, Mode, PipelineSettings } from '../pipeline'
import type { Place } from './blocks'

export interface WorkerData {
  settings: PipelineSettings
  ownership: FileOwnership
  withToken: boolean
  /** For the worker's messages. */
  port: MessagePort
  /** See reclaim.ts. */
  claims: SharedArrayBuffer
}

export type ToWorker =
  /** @param spooled what the instance has on disk already */
  | { is: 'open', id: number, resource: Record<string, unknown>, spooled: Counts, live: LiveInstance | undefined }
  /** Live Metrics of the instance end. */
  | { is: 'unwatch', id: number }
  /** Another block of shared memory: see blocks.ts. */
  | { is: 'block', memory: SharedArrayBuffer }
  | { is: 'take', id: number, sequence: number, sealed: string | Place, counts: Counts }
  /** `within` in milliseconds. `done` becomes 1, for a main thread that is blocked meanwhile. */
  | { is: 'settle', request: number, mode: Mode, within: number, id: number | undefined, last: boolean, done: SharedArrayBuffer | undefined }
  /** That request has run out of time. */
  | { is: 'expire', request: number }
  | { is: 'close', id: number }
  | { is: 'token', request: number, token: Token | null, error: string }

/** A state change of an instance's items; `source` 0 stands for items left by earlier processes. */
export type Move = [source: number, counts: Counts, from: State | null, to: State | null, lease: number]

export type FromWorker =
  | { is: 'started' }
  | { is: 'claimed', lease: number, sequences: readonly number[] }
  | { is: 'moved', moves: Move[], settled: number[] }
  | { is: 'done', request: number }
  | { is: 'notice' | 'warning' | 'debug', message: string }
  | { is: 'token', request: number }
