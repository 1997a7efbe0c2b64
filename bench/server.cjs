/** The app under test, in a process of its own: node --require ./guard.cjs server.cjs PEER, told what to do by messages. */
'use strict'
const { readFileSync } = require('node:fs')
const { PerformanceObserver, constants, monitorEventLoopDelay } = require('node:perf_hooks')
const { setFlagsFromString } = require('node:v8')
const { runInNewContext } = require('node:vm')
const { floor, peers } = require('./peers.cjs')

const [peer, mode] = process.argv.slice(2)
let worker
process.on('worker', started => { worker = started })
const telemetry = { ...peers, ...floor }[peer].start(process.env.BENCH_CONNECTION_STRING)
const fastify = require('fastify')

// The same destination for all: lines are made, and go nowhere.
const stream = { write () {} }
const app = mode === 'cases'
  ? fastify({ logger: { level: 'info', stream, redact: ['password'] } })
  : fastify({ logger: { level: 'info', stream }, logController: new fastify.LogController({ disableRequestLogging: true }) })

const delay = monitorEventLoopDelay({ resolution: 10 })
let began

const collections = { young: 0, full: 0, milliseconds: 0 }

const commands = {
  /** Counts garbage collections of this thread from now on. */
  watchCollections () {
    new PerformanceObserver(list => {
      for (const { detail, duration } of list.getEntries()) {
        if (detail.kind === constants.NODE_PERFORMANCE_GC_MINOR) collections.young++
        if (detail.kind === constants.NODE_PERFORMANCE_GC_MAJOR) collections.full++
        collections.milliseconds += duration
      }
    }).observe({ entryTypes: ['gc'] })
  },
  collections: () => collections,
  /**
   * A full collection. Requests have to run between two of them, or V8 forgets their compiled code. A message is handled
   * in a tick, so one of the objects of `process.nextTick` is alive, and its calls stay fast: see docs/upstream.md.
   */
  collect () {
    setFlagsFromString('--expose-gc')
    runInNewContext('gc')()
  },
  /** @param quiet without the delay of the event loop, whose timer takes about 0.7 % of an idle processor */
  begin (quiet = false) {
    delay.reset()
    if (!quiet) delay.enable()
    began = cpu()
  },
  end () {
    delay.disable()
    return {
      rss: process.memoryUsage.rss(),
      maxRss: process.resourceUsage().maxRSS * 1_024,
      delayP50: delay.percentile(50) / 1e6,
      delayP99: delay.percentile(99) / 1e6,
      delayMax: delay.max / 1e6
    }
  },
  /** In microseconds since `begin`. */
  cpu () {
    const now = cpu()
    return { mainMicros: now.main === undefined ? undefined : now.main - began.main, totalMicros: now.total - began.total }
  },
  stats: () => app.appInsights?.stats?.(),
  async memory () {
    const thread = await worker?.getHeapStatistics?.()
    return { ...process.memoryUsage(), workerUsed: thread?.used_heap_size, workerTotal: thread?.total_heap_size, resources: process.getActiveResourcesInfo().length }
  },
  async close () {
    const since = process.hrtime.bigint()
    await app.close()
    await telemetry.shutdown?.()
    const milliseconds = Number(process.hrtime.bigint() - since) / 1e6
    // From here on nothing of ours keeps the process.
    setImmediate(() => process.disconnect())
    return milliseconds
  }
}

// In microseconds.
function cpu () {
  const { user, system } = process.cpuUsage()
  return { main: mainThread(), total: user + system }
}

function mainThread () {
  if (process.threadCpuUsage !== undefined) {
    const { user, system } = process.threadCpuUsage()
    return user + system
  }
  try {
    return Number(readFileSync(`/proc/self/task/${process.pid}/schedstat`, 'latin1').split(' ', 1)[0]) / 1e3
  } catch {
    return undefined
  }
}

process.on('message', async ({ id, command, given }) => {
  try {
    process.send?.({ id, result: await commands[command](given) })
  } catch (error) {
    process.send?.({ id, error: error?.message ?? String(error) })
    if (command === 'close') setImmediate(() => process.disconnect())
  }
})

async function main () {
  await telemetry.register?.(app, stream)
  if (mode === 'cases') await require('./cases-app.cjs')(app)
  app.get('/items/:id', async request => {
    request.log.info({ item: request.params.id, stock: 3 }, 'item read')
    return { id: request.params.id, name: 'bench' }
  })
  app.get('/crash/:id', (request, reply) => {
    request.log.info({ item: request.params.id, stock: 0 }, 'item read')
    reply.raw.once('finish', () => setImmediate(() => { throw new Error('crash after the response') }))
    reply.send({ id: request.params.id })
  })
  app.get('/exit/:id', (request, reply) => {
    request.log.info({ item: request.params.id, stock: 0 }, 'item read')
    reply.raw.once('finish', () => setImmediate(() => process.exit(1)))
    reply.send({ id: request.params.id })
  })
  await app.listen({ port: 0, host: '127.0.0.1' })
  process.send({ ready: app.server.address().port })
}

main()
