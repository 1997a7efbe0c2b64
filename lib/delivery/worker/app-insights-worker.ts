/** The worker thread: messages from the main thread → pipeline. */
import { parentPort, workerData } from 'node:worker_threads'
import { Counters, type Counts, type State } from '../counters'
import { tokenCache, type Token } from '../http/tokens'
import { createLiveMetrics } from '../live'
import { Pipeline } from '../pipeline'
import type { Ledger } from '../pipeline/batch'
import { BlockReader } from './blocks'
import type { FromWorker, Move, ToWorker, WorkerData } from './messages'
import { claim } from './reclaim'

const { settings, ownership, withToken, port, claims } = workerData as WorkerData
const claimWord = new Int32Array(claims)
const tokens = new Map<number, (message: ToWorker & { is: 'token' }) => void>()
const expirations = new Map<number, () => void>()
const blocks = new BlockReader()
let tokenRequests = 0
let moves: Move[] = []
let settled: number[] = []

const authorization = withToken ? tokenCache(askForToken) : undefined
const live = createLiveMetrics(settings, { authorization, debug: message => tell({ is: 'debug', message }) })
const pipeline = new Pipeline(settings, remoteLedger(0), ownership, {
  notice: message => tell({ is: 'notice', message }),
  warn: message => tell({ is: 'warning', message }),
  authorization,
  claim: (lease, sequences) => claim(claimWord, () => tell({ is: 'claimed', lease, sequences })),
  settled: lease => {
    settled.push(lease)
    tellSoon()
  }
})

parentPort!.on('message', (message: ToWorker) => {
  switch (message.is) {
    case 'open':
      if (message.live !== undefined) live?.open(message.id, message.live)
      return pipeline.open(message.id, message.resource, remoteLedger(message.id, message.spooled))
    case 'block':
      return blocks.add(message.memory)
    case 'take':
      return take(message)
    case 'settle':
      return settle(message)
    case 'expire':
      return expirations.get(message.request)?.()
    case 'unwatch':
      return live?.close(message.id)
    case 'close':
      live?.close(message.id)
      return pipeline.close(message.id)
    case 'token':
      tokens.get(message.request)?.(message)
      tokens.delete(message.request)
  }
})
tell({ is: 'started' })

function take ({ id, sealed, counts, sequence }: ToWorker & { is: 'take' }): void {
  const text = typeof sealed === 'string' ? sealed : blocks.text(sealed)
  // First, as it may be sent, and its block written to again, as soon as the pipeline has it.
  live?.take(id, text)
  pipeline.take(id, text, counts, sequence)
}

function settle ({ request, mode, within, id, last, done }: ToWorker & { is: 'settle' }): void {
  let isDone = false
  const expire = pipeline.settle(mode, within, id, () => {
    isDone = true
    expirations.delete(request)
    if (last) pipeline.releaseFiles()
    tellMoves()
    tell({ is: 'done', request })
    if (done === undefined) return
    const flag = new Int32Array(done)
    Atomics.store(flag, 0, 1)
    Atomics.notify(flag, 0)
  })
  if (!isDone) expirations.set(request, expire)
}

/** Counts are kept on the main thread, where they are read. */
function remoteLedger (source: number, spooled?: Counts): Ledger {
  const local = new Counters()
  if (spooled !== undefined) local.move(spooled, null, 'spooled')
  return {
    move (counts: Counts, from: State | null, to: State | null, lease: number) {
      local.move(counts, from, to)
      moves.push([source, counts, from, to, lease])
      tellSoon()
    },
    sum: state => local.sum(state)
  }
}

/** Groups all changes from one answer into one message. */
function tellSoon (): void {
  if (moves.length + settled.length === 1) queueMicrotask(tellMoves)
}

function tellMoves (): void {
  if (moves.length + settled.length === 0) return
  tell({ is: 'moved', moves, settled })
  moves = []
  settled = []
}

function tell (message: FromWorker): void {
  port.postMessage(message)
}

/** The credential stays on the thread where the app created it. */
function askForToken (): Promise<Token> {
  return new Promise((resolve, reject) => {
    const request = ++tokenRequests
    tokens.set(request, ({ token, error }) => token === null ? reject(new Error(error)) : resolve(token))
    tell({ is: 'token', request })
  })
}
