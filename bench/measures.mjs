/** One measure of one peer each: an app and an ingestion endpoint are started for it and ended after it. */
import { setTimeout as sleep } from 'node:timers/promises'
import { age, startApp, startIngestion, startLoad, within } from './processes.mjs'

/** Runs `use` with a fresh ingestion endpoint and a fresh app. */
async function withApp (peer, script, use, options) {
  const ingestion = await startIngestion(script)
  try {
    const app = await startApp(peer, ingestion.port, options)
    try {
      return await use(app, ingestion)
    } finally {
      await app.end()
    }
  } finally {
    await ingestion.end()
  }
}

/** Asks for an orderly end. @returns milliseconds until the process had gone by itself, or null */
async function close (app, limit) {
  const since = performance.now()
  app.ask('close').catch(() => {})
  return await within(limit, app.exited) ? performance.now() - since : null
}

/** Until nothing has arrived for a while: what is queued is on its way no more. */
async function settle (ingestion, quiet, limit) {
  const until = performance.now() + limit
  let last = -1
  for (;;) {
    const posts = await ingestion.ask('posts')
    if (posts === last || performance.now() > until) return
    last = posts
    await sleep(quiet)
  }
}

/**
 * Requests over kept-alive connections for `seconds`: as fast as answers come, or at `rate`.
 * CPU time is counted until what was queued has been sent, so that work put off is work all the same.
 */
export async function load (peer, generator, { latency, seconds, warmup, settled, aging, connections, rate }) {
  return await withApp(peer, { latency }, async (app, ingestion) => {
    const traffic = { port: app.port, connections, rate }
    // At full speed, so that the compiler is through with it whatever the rate.
    await generator.ask('run', { ...traffic, rate: undefined, seconds: warmup, letter: 'w' })
    await age(app, async (count, first) => await generator.ask('run', { ...traffic, rate: undefined, count, first, letter: 'a' }), aging)
    if (rate !== undefined) await generator.ask('run', { ...traffic, rate: undefined, count: settled, letter: 's' })
    // Rows of the warm-up must not be counted against the measure, nor for it.
    await settle(ingestion, latency + 300, 5_000)
    await app.ask('begin')
    const answers = await generator.ask('run', { ...traffic, seconds, letter: 'm' })
    const loop = await app.ask('end')
    await settle(ingestion, latency + 300, 20_000)
    const cpu = await app.ask('cpu')
    const stats = await app.ask('stats').catch(() => undefined)
    const closedAfter = await close(app, 20_000)
    const report = await ingestion.ask('report')
    const { RequestData: requests = 0, MessageData: logs = 0 } = report.unique.m ?? {}
    const pairs = Math.min(sum(report.unique, 'RequestData'), sum(report.unique, 'MessageData'))
    return {
      readyAfter: app.readyAfter,
      answered: answers.answered,
      failed: answers.failed,
      throughput: answers.throughput,
      p50: answers.p50,
      p99: answers.p99,
      mainMicros: cpu.mainMicros === undefined ? undefined : cpu.mainMicros / answers.answered,
      totalMicros: cpu.totalMicros / answers.answered,
      delayP50: loop.delayP50,
      delayP99: loop.delayP99,
      delayMax: loop.delayMax,
      rss: loop.rss,
      maxRss: loop.maxRss,
      requests: requests / answers.answered,
      logs: logs / answers.answered,
      rows: report.counts,
      duplicates: report.duplicates,
      bytes: pairs === 0 ? undefined : report.telemetryBytes / pairs,
      plainBytes: pairs === 0 ? undefined : report.plainBytes / pairs,
      closedAfter,
      stats
    }
  })
}

/**
 * CPU time. All apps live side by side and answer bursts of the same requests in turn, so that what disturbs the machine
 * disturbs all of them alike; a burst is one batch of the SDK's, small enough for every queue, and its cost is counted
 * until its rows have been sent.
 * @param settings.settled requests between the last full collection and the first burst, as fast as answers come: after a
 * collection V8 has to compile much again, and a service answers more than that until the next one
 * @returns by peer, a list with the costs of each burst, and what was delivered in all
 */
export async function bursts (peers, generator, { latency, rounds, burst, warmup, settled, aging }) {
  const ingestions = await Promise.all(peers.map(() => startIngestion({ latency })))
  const apps = []
  try {
    // One after the other: eight processes that start at once would take seconds from each other.
    for (const [index, peer] of peers.entries()) apps.push(await startApp(peer, ingestions[index].port))
    const sent = peers.map(() => 0)
    async function run (index, count, letter = 'm') {
      const first = sent[index]
      if (letter === 'm') sent[index] += count
      return await generator.ask('run', { port: apps[index].port, connections: 16, count, first, letter })
    }
    const measured = peers.map(() => [])
    for (let round = -warmup; round < rounds; round++) {
      for (let turn = 0; turn < peers.length; turn++) {
        const index = round % 2 === 0 ? turn : peers.length - 1 - turn
        if (round < 0) {
          await run(index, 4 * burst)
          if (round < -1) continue
          await age(apps[index], async count => await run(index, count), aging)
          // What is dropped at full speed is another measure's business.
          await run(index, settled, 'w')
          await settle(ingestions[index], latency + 150, 5_000)
          continue
        }
        await apps[index].ask('begin', true)
        const { answered } = await run(index, burst)
        await settle(ingestions[index], latency + 150, 5_000)
        const { mainMicros, totalMicros } = await apps[index].ask('cpu')
        measured[index].push({ mainMicros: mainMicros === undefined ? undefined : mainMicros / answered, totalMicros: totalMicros / answered })
      }
    }
    return Object.fromEntries(await Promise.all(peers.map(async (peer, index) => {
      await close(apps[index], 20_000)
      const { unique, telemetryBytes, plainBytes, posts } = await ingestions[index].ask('report')
      const { RequestData: requests = 0, MessageData: logs = 0 } = unique.m ?? {}
      const pairs = Math.min(sum(unique, 'RequestData'), sum(unique, 'MessageData'))
      return [peer, { rounds: measured[index], requests: requests / sent[index], logs: logs / sent[index], posts, bytes: telemetryBytes / pairs, plainBytes: plainBytes / pairs }]
    })))
  } finally {
    await Promise.all([...apps, ...ingestions].map(each => each.end()))
  }
}

function sum (unique, type) {
  return Object.values(unique).reduce((total, kinds) => total + (kinds[type] ?? 0), 0)
}

/** The endpoint answers 503 for `outage` seconds while requests go on; what has arrived `after` seconds from its recovery? */
export async function outage (peer, generator, { rate, before, outage, after }) {
  return await withApp(peer, { latency: 50 }, async (app, ingestion) => {
    const traffic = { port: app.port, connections: 8, rate }
    const running = generator.ask('run', { ...traffic, seconds: before + outage + 2, letter: 'm' })
    await sleep(before * 1_000)
    await ingestion.ask('script', { mode: 'unavailable' })
    await sleep(outage * 1_000)
    await ingestion.ask('script', { mode: 'ok' })
    const recovered = Date.now()
    const { answered } = await running
    const until = recovered + Math.max(...after) * 1_000
    let report
    for (;;) {
      await sleep(Math.min(2_000, Math.max(0, until - Date.now())))
      report = await ingestion.ask('report')
      const { RequestData: requests = 0, MessageData: logs = 0 } = report.unique.m ?? {}
      if ((requests >= answered && logs >= answered) || Date.now() >= until) break
    }
    const share = (kind, time) => report.timeline.filter(({ at }) => at <= time).reduce((total, arrived) => total + arrived[kind], 0) / answered
    const end = (kind) => {
      let total = 0
      for (const arrived of report.timeline) {
        total += arrived[kind]
        if (total >= answered) return Math.max(0, (arrived.at - recovered) / 1_000)
      }
      return null
    }
    const [requestsAfter, logsAfter] = [end('requests'), end('logs')]
    const curve = []
    for (let second = -(before + outage); second <= Math.max(...after); second++) curve.push([second, share('requests', recovered + second * 1_000), share('logs', recovered + second * 1_000)])
    return {
      answered,
      refused: report.refused,
      duplicates: report.duplicates,
      after: after.map(seconds => ({ seconds, requests: share('requests', recovered + seconds * 1_000), logs: share('logs', recovered + seconds * 1_000) })),
      completeAfter: requestsAfter === null || logsAfter === null ? null : Math.max(requestsAfter, logsAfter),
      curve
    }
  })
}

/** Milliseconds from an orderly close to the end of the process, with rows waiting and an endpoint that never answers, or that refuses. */
export async function closing (peer, generator, { mode, limit }) {
  return await withApp(peer, { mode: mode === 'refuse' ? 'ok' : 'hang' }, async (app, ingestion) => {
    if (mode === 'refuse') await ingestion.end()
    await generator.ask('run', { port: app.port, connections: 4, count: 200, letter: 'm' })
    return { closedAfter: await close(app, limit) }
  })
}

/** A process that answers a request and then ends: by an uncaught exception, or by process.exit(1). What arrives, and what does its successor bring? */
export async function ending (peer, generator, { how, successor: seconds }) {
  return await withApp(peer, { latency: 50 }, async (app, ingestion) => {
    await generator.ask('run', { port: app.port, connections: 4, count: 100, letter: 'm' })
    const since = performance.now()
    await generator.ask('run', { port: app.port, connections: 1, count: 1, letter: 'c', path: `/${how}/` })
    const ended = await within(15_000, app.exited)
    const endedAfter = performance.now() - since
    // A post may be on its way although its sender is gone.
    await sleep(300)
    const arrived = async () => {
      const { unique } = await ingestion.ask('report')
      const rows = await ingestion.ask('rows')
      // The successor's own request is no part of it.
      const { s: _, ...own } = unique
      return {
        requests: sum(own, 'RequestData') / 101,
        logs: sum(own, 'MessageData') / 101,
        exceptions: rows.filter(row => row.data?.baseType === 'ExceptionData' && JSON.stringify(row).includes('crash after the response')).length
      }
    }
    const atOnce = await arrived()
    const result = { code: ended ? await app.exited : null, endedAfter, ...atOnce }
    if (atOnce.requests === 1 && atOnce.logs === 1) return result
    const successor = await startApp(peer, ingestion.port, { successorOf: app })
    // Something of its own to send, and time to look at what was left behind.
    await generator.ask('run', { port: successor.port, connections: 1, count: 1, letter: 's' })
    const until = performance.now() + seconds * 1_000
    let later = await arrived()
    while (performance.now() < until && (later.requests < 1 || later.logs < 1)) {
      await sleep(500)
      later = await arrived()
    }
    await close(successor, 5_000)
    later = await arrived()
    await successor.end()
    return { ...result, later }
  })
}

/** Milliseconds from the start of the process until it listens. */
export async function startUp (peer) {
  return await withApp(peer, {}, async app => ({ readyAfter: app.readyAfter }))
}

export { startLoad }
