/** The worker thread: messages from the main thread → pipeline. */
import { parentPort, workerData } from 'node:worker_threads'
import { Pipeline, type Mode, type PipelineSettings } from '../pipeline'
import { Account } from '../counters'
import { tokenCache, type Token } from '../http/tokens'

export interface WorkerData {
  settings: PipelineSettings
  withToken: boolean
  inherited: SharedArrayBuffer
  /** One number: up to this batch all are sent, stored or about to be; -1 when the main thread has taken back the rest. */
  taken: SharedArrayBuffer
}

export type ToWorker =
  | { is: 'open', id: number, resource: Record<string, unknown>, account: SharedArrayBuffer }
  | { is: 'take', id: number, sequence: number, sealed: string, counts: number[] }
  | { is: 'settle', request: number, mode: Mode, deadline: number, id: number | undefined, last: boolean, done: SharedArrayBuffer | undefined }
  | { is: 'close', id: number }
  | { is: 'token', request: number, token: Token | null, error: string }

export type FromWorker =
  | { is: 'started' }
  | { is: 'settled', request: number }
  | { is: 'notice', message: string, at: number }
  | { is: 'token', request: number }

const port = parentPort!
const { settings, withToken, inherited, taken: takenBuffer } = workerData as WorkerData
const taken = new Int32Array(takenBuffer)
const tokens = new Map<number, (message: ToWorker & { is: 'token' }) => void>()
// Claimed before one that came earlier.
const early = new Set<number>()
let requests = 0

const pipeline = new Pipeline(settings, new Account(inherited), {
  notice: message => tell({ is: 'notice', message, at: Date.now() }),
  authorization: withToken ? tokenCache(askForToken) : undefined,
  claim
})

port.on('message', (message: ToWorker) => {
  switch (message.is) {
    case 'open':
      return pipeline.open(message.id, message.resource, new Account(message.account))
    case 'take':
      pipeline.take(message.id, message.sealed, message.counts, message.sequence)
      return
    case 'settle':
      pipeline.settle(message.mode, message.deadline, message.id).then(() => {
        if (message.last) pipeline.releaseFiles()
        if (message.done !== undefined) {
          const done = new Int32Array(message.done)
          Atomics.store(done, 0, 1)
          Atomics.notify(done, 0)
        }
        tell({ is: 'settled', request: message.request })
      }, () => {})
      return
    case 'close':
      return pipeline.close(message.id)
    case 'token':
      tokens.get(message.request)?.(message)
      tokens.delete(message.request)
  }
})
tell({ is: 'started' })

function claim (sequences: number[]): boolean {
  const before = Atomics.load(taken, 0)
  if (before === -1) return false
  for (const sequence of sequences) if (sequence > before) early.add(sequence)
  let after = before
  while (early.delete(after + 1)) after++
  return Atomics.compareExchange(taken, 0, before, after) === before
}

function tell (message: FromWorker): void {
  port.postMessage(message)
}

/** The credential stays where the app made it. */
function askForToken (): Promise<Token> {
  return new Promise((resolve, reject) => {
    const request = ++requests
    tokens.set(request, ({ token, error }) => token === null ? reject(new Error(error)) : resolve(token))
    tell({ is: 'token', request })
  })
}
