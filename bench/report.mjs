/**
 * A results file → docs/performance.md, docs/compare.md and their plots. Every sentence about who is ahead is computed.
 *
 * node bench/report.mjs [FILE]
 */
import { existsSync, mkdirSync, readFileSync, readdirSync, writeFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { cases } from './cases.mjs'
import { choosing } from './choosing.mjs'
import { bars, lines } from './svg.mjs'
import { survived, text, withSpread } from './table.mjs'

const { number, percent, seconds } = text
const file = process.argv[2] ?? fileURLToPath(new URL('results/full.json', import.meta.url))
const results = JSON.parse(readFileSync(file, 'utf8'))
const docs = fileURLToPath(new URL('../docs/', import.meta.url))
const everybody = Object.keys(results.peers).filter(name => name !== 'bare')
// Whoever was only asked what it sends is not in the comparison of speed.
const names = Object.keys(results.peers).filter(name => results.bursts === undefined || results.bursts[name] !== undefined)
const instrumented = names.filter(name => name !== 'bare')
const peers = instrumented.filter(name => !name.startsWith('ours'))
const label = name => results.peers[name]
const load = latency => results.load[latency] ?? {}
const { settings, machine } = results
const GENERATED = '<!-- Written by bench/report.mjs from bench/results/full.json: change those. -->'

function table (heads, rows) {
  const line = cells => `| ${cells.join(' | ')} |`
  return [line(heads), line(heads.map((_, index) => index === 0 ? '---' : '---:')), ...rows.map(line)].join('\n')
}

const bold = (name, value) => name === 'ours' ? `**${value}**` : value
const row = (name, ...values) => [bold(name, label(name)), ...values.map(value => bold(name, value))]

/** One sentence: ours against the best of the others, whichever way it is. */
function verdict (what, get, show, { higherIsBetter = false } = {}) {
  const own = get('ours')
  const others = peers.map(name => ({ name, value: get(name) })).filter(({ value }) => value !== undefined && value !== null)
  if (own === undefined || own === null || others.length === 0) return undefined
  const sign = higherIsBetter ? -1 : 1
  others.sort((a, b) => sign * (a.value - b.value))
  const [best] = others
  const difference = sign * (own - best.value)
  if (difference === 0) return `- **${what}:** ${show(own)}, the same as the best alternative (${label(best.name)}).`
  if (difference < 0) return `- **${what}:** ${show(own)}. Best alternative: ${show(best.value, best.name)} (${label(best.name)}).`
  const behind = others.filter(({ value }) => sign * (own - value) > 0).map(({ name, value }) => `${label(name)} (${show(value, name)})`)
  return `- **${what}: not ahead.** ${show(own)}; better: ${behind.join(', ')}.`
}

const micros = value => `${number(value)} µs`
const outageShare = (name, place) => {
  const found = results.outage?.[name]?.after.at(place)
  return found === undefined ? undefined : Math.min(found.requests, found.logs)
}
const delivered = latency => name => {
  const found = load(latency)[name]
  return found?.requests === undefined ? undefined : Math.min(found.requests.median, found.logs.median)
}
const closed = how => name => {
  const found = results.closing?.[how]?.[name]
  return found === undefined ? undefined : found.closedAfter ?? settings.closeLimit
}

/** Whoever drops rows has less work: a number at full load does not stand alone. */
const withDelivered = show => (value, name) => name === undefined || delivered(150)(name) === undefined || delivered(150)(name) >= 0.9995 ? show(value) : `${show(value)}, having delivered ${percent(delivered(150)(name))}`

const verdicts = [
  verdict('Main thread, CPU time per request on top of Fastify', name => results.bursts?.[name]?.mainOverBare?.median, micros),
  verdict('All threads, CPU time per request on top of Fastify', name => results.bursts?.[name]?.totalOverBare?.median, micros),
  verdict('Requests per second at full load', name => load(150)[name]?.throughput?.median, withDelivered(value => number(value)), { higherIsBetter: true }),
  verdict('p99 latency at full load', name => load(150)[name]?.p99?.median, withDelivered(value => `${number(value, 1)} ms`)),
  verdict('Delivered at full load, ingestion latency 150 ms', delivered(150), percent, { higherIsBetter: true }),
  verdict(`Delivered ${settings.outage.after[0]} s after an outage of ${settings.outage.outage} s`, name => outageShare(name, 0), percent, { higherIsBetter: true }),
  verdict('Time to close while the endpoint never answers', closed('hang'), value => value >= settings.closeLimit ? `over ${settings.closeLimit / 1_000} s` : seconds(value)),
  verdict('Time to close while the endpoint refuses', closed('refuse'), value => value >= settings.closeLimit ? `over ${settings.closeLimit / 1_000} s` : seconds(value)),
  verdict('Start-up on top of Fastify', name => results.startUp?.[name]?.startUpOverBare?.median, value => `${number(value)} ms`),
  verdict('Memory (RSS) at full load', name => load(150)[name]?.rss?.median, value => `${number(value / 1e6)} MB`),
  verdict('Bytes sent for a request and its log line', name => results.bursts?.[name]?.bytes, value => number(value))
].filter(Boolean)

const kind = name => name === 'ours' ? 'ours' : name.startsWith('ours') ? 'second' : 'other'
const plots = {
  'performance-main-thread.svg': results.bursts && bars({
    title: 'CPU time per request on top of Fastify',
    note: `Median of ${settings.bursts.rounds} bursts in turn; the thin line spans the middle half. Shorter is better.`,
    legend: ['main thread, µs', 'all threads, µs'],
    bars: instrumented.map(name => ({
      label: label(name),
      kind: kind(name),
      values: ['mainOverBare', 'totalOverBare'].map(metric => {
        const found = results.bursts[name][metric]
        return found === undefined ? undefined : { median: found.median, low: found.q1, high: found.q3, text: number(found.median) }
      })
    })),
    format: value => number(value)
  }),
  'performance-delivered.svg': Object.keys(results.load).length > 0 && bars({
    title: 'Requests delivered at full load',
    note: 'Share of the answered requests whose row arrived, by the latency of the ingestion endpoint. Longer is better.',
    legend: settings.latencies.map(latency => `${latency} ms`),
    max: 1,
    bars: instrumented.map(name => ({ label: label(name), kind: kind(name), values: settings.latencies.map(latency => load(latency)[name]?.requests && { median: load(latency)[name].requests.median, text: percent(load(latency)[name].requests.median) }) })),
    format: value => `${Math.round(value * 100)} %`
  }),
  'performance-outage.svg': results.outage && lines({
    title: `Requests delivered around an outage of ${settings.outage.outage} s`,
    note: `${settings.outage.rate} requests/s; the endpoint answers 503 in the grey part.`,
    xLabel: 'seconds from the recovery',
    shade: { from: -settings.outage.outage, to: 0, label: 'outage' },
    lines: instrumented.filter(name => results.outage[name]).map(name => ({ label: label(name), kind: kind(name), points: results.outage[name].curve.map(([second, requests]) => [second, requests]) }))
  })
}

const sections = []
const section = (title, ...parts) => sections.push(`## ${title}`, ...parts)

section('In short',
  `This plugin with its defaults (a worker thread), compared with the best of the alternatives:\n\n${verdicts.join('\n')}`,
  results.note === undefined ? undefined : `**${results.note}**`,
  machine.loadBefore > 0.5 ? `**The machine was busy with other things when the run began (load ${number(machine.loadBefore, 1)} on ${machine.cores} cores): times and shares suffer, and not alike.**` : undefined,
  results.quick ? '**These numbers are from a quick run and stand here for the form only.**' : undefined)

if (results.bursts) {
  section('CPU time',
    '![CPU time per request on top of Fastify](performance-main-thread.svg)',
    `CPU time for a request with one log line, in microseconds. Your handlers run on the main thread; all threads include the worker thread, garbage collection and compression. Bare Fastify takes ${number(results.bursts.bare?.mainMicros?.median, 1)} µs of the main thread. Medians of ${settings.bursts.rounds} bursts of ${settings.bursts.burst} requests, with all apps side by side, taking turns; the middle half of the bursts is in parentheses.`,
    table(['', 'main thread over bare', 'all threads over bare', 'times bare, main thread', 'bytes sent per request', 'delivered'],
      instrumented.map(name => {
        const found = results.bursts[name]
        const half = given => given === undefined ? '–' : `${number(given.median, 1)} (${number(given.q1, 1)} – ${number(given.q3, 1)})`
        return row(name, half(found.mainOverBare), half(found.totalOverBare), number(found.mainOfBare?.median, 2), number(found.bytes), percent(Math.min(found.requests, found.logs)))
      })))
}

/** Runs of the bursts alone: npm run bench -- --only bursts --out bench/results/node-NN.json */
const others = readdirSync(new URL('results/', import.meta.url))
  .filter(name => /^node-\d+\.json$/.test(name))
  .map(name => JSON.parse(readFileSync(new URL(`results/${name}`, import.meta.url), 'utf8')))
if (others.length > 0) {
  const all = [results, ...others].sort((a, b) => Number(a.node.slice(1).split('.')[0]) - Number(b.node.slice(1).split('.')[0]))
  section('Other versions of Node.js',
    'The same bursts: main thread and all threads, in microseconds more than bare Fastify.',
    table(['', ...all.map(({ node }) => `${node}, main`), ...all.map(({ node }) => `${node}, all`)],
      instrumented.filter(name => others.every(({ bursts }) => bursts[name] !== undefined)).map(name => row(name,
        ...['mainOverBare', 'totalOverBare'].flatMap(metric => all.map(({ bursts }) => number(bursts[name][metric]?.median)))))))
}

/** What smaller benches leave: instructions.mjs, floor.mjs, overhead.mjs, log-line.mjs and soak.mjs. */
for (const name of ['instructions-20.json', 'instructions-24.json', 'floor-20.json', 'floor-24.json', 'overhead.json', 'log-line.json', 'soak.json']) {
  const file = new URL(`results/${name}`, import.meta.url)
  const tables = existsSync(file) ? JSON.parse(readFileSync(file, 'utf8')) : []
  for (const { title, about, head, rows, command, node, date } of tables) {
    section(title, `${about} (\`${command}\`, ${date.slice(0, 10)}, Node.js ${node}.)`, table(head, rows))
  }
}

if (results.load[150]) {
  section('Full load',
    `${settings.connections} connections, sending the next request as soon as a response arrives, for ${settings.seconds} s; medians of ${settings.rounds} rounds, with the lowest and highest in parentheses. Keep three things in mind: dropping rows means less work; the load generator and the endpoint run on the same ${machine.cores} cores; and bare Fastify keeps the generator so busy that it never sleeps, while a slower app has to wake it again and again, which costs kernel time on the main thread (6 to 10 of the 54 to 62 µs by which this plugin was above bare Fastify in two runs measured with \`perf\`).`,
    table(['', 'requests/s', 'of bare', 'main thread over bare, µs', 'main thread, times bare', 'p50 ms', 'p99 ms', 'event loop delay p99 ms', 'RSS MB'],
      names.map(name => {
        const found = load(150)[name]
        return row(name, withSpread(found.throughput, value => number(value)), percent(found.throughputOfBare?.median), ...(name === 'bare' ? [`(${number(found.mainMicros?.median, 1)})`, ''] : [number(found.mainOverBare?.median, 1), number(found.mainOfBare?.median, 2)]), number(found.p50?.median, 1), number(found.p99?.median, 1), number(found.delayP99?.median, 1), number(found.rss?.median / 1e6))
      })))
  section('Delivered at full load',
    '![Requests delivered at full load](performance-delivered.svg)',
    'The share of answered requests that had arrived after a clean shutdown, by the latency of the ingestion endpoint.',
    table(['', ...settings.latencies.flatMap(latency => [`requests, ${latency} ms`, `logs, ${latency} ms`]), 'sent twice'],
      instrumented.map(name => row(name, ...settings.latencies.flatMap(latency => [percent(load(latency)[name]?.requests?.median), percent(load(latency)[name]?.logs?.median)]), number(settings.latencies.reduce((total, latency) => total + (load(latency)[name]?.duplicates?.high ?? 0), 0))))))
}

if (results.paced) {
  section(`At ${number(settings.rate)} requests/s`,
    `A moderate load: latency and memory. Medians of ${settings.pacedRounds} rounds.`,
    table(['', 'p50 ms', 'p99 ms', 'main thread over bare, µs', 'RSS MB', 'delivered'],
      names.map(name => {
        const found = results.paced[name]
        return row(name, number(found.p50?.median, 2), number(found.p99?.median, 2), name === 'bare' ? '' : number(found.mainOverBare?.median), number(found.rss?.median / 1e6), name === 'bare' ? '' : percent(Math.min(found.requests.median, found.logs.median)))
      })))
}

if (results.outage) {
  section('An outage',
    '![Requests delivered around an outage](performance-outage.svg)',
    `${settings.outage.rate} requests/s; after ${settings.outage.before} s the endpoint answers 503 for ${settings.outage.outage} s, then it recovers.`,
    table(['', ...settings.outage.after.map(second => `delivered ${second} s after`), 'complete after', 'sent twice'],
      instrumented.map(name => {
        const found = results.outage[name]
        if (found === undefined) return row(name, '–', '–', '–', '–')
        return row(name, ...found.after.map(({ requests, logs }) => percent(Math.min(requests, logs))), found.completeAfter === null ? 'not within the run' : `${number(found.completeAfter, 1)} s`, number(found.duplicates))
      })))
}

if (results.closing) {
  const show = found => found === undefined ? '–' : found.closedAfter === null ? `over ${settings.closeLimit / 1_000} s` : seconds(found.closedAfter)
  section('Closing with a dead endpoint',
    'From `app.close()` and the SDK\'s shutdown to the end of the process, with 200 requests and their logs waiting.',
    table(['', 'the endpoint never answers', 'the endpoint refuses'], instrumented.map(name => row(name, show(results.closing.hang[name]), show(results.closing.refuse[name])))))
}

if (results.ending) {
  section('A sudden end',
    'A process answers 101 requests and then dies of an uncaught exception, or calls `process.exit(1)`. The table shows what arrived, or, if restarting the app delivered more, the total after the restart.',
    table(['', 'uncaught exception', 'process.exit(1)'], instrumented.map(name => row(name, ...['crash', 'exit'].map(how => results.ending[how]?.[name] === undefined ? '–' : how === 'crash' ? survived(results.ending.crash[name]) : survived(results.ending.exit[name]).replace(/, (?:the|no) error/, ''))))))
}

if (results.startUp) {
  section('Start-up',
    `From the start of the process until it is listening; medians of ${settings.startUps} starts, taking turns.`,
    table(['', 'ms', 'over bare, ms'], names.map(name => row(name, withSpread(results.startUp[name].readyAfter, value => number(value)), name === 'bare' ? '' : number(results.startUp[name].startUpOverBare?.median)))))
}

section('How it is measured',
  `- The app: one route with a parameter, one \`request.log.info\` line with two fields, with logs written to a destination that discards them, the same for all; \`NODE_ENV=production\`; CommonJS, because instrumentations need no extra flag there.
- The endpoint: a scripted server on the same machine, in a separate process, reached through TLS under an Azure host name, so that every exporter posts and compresses as in production. It counts rows by kind and by a number that every request carries.
- The load: a separate process${machine.pinned ? ', on the last core, with the endpoint; the app may use all cores' : ''}.
- Sampling: 100 % for all. Exporter: ${results.versions['@azure/monitor-opentelemetry-exporter']} for all.
- CPU time of the main thread is what the operating system reports for that thread. It is measured until the rows have been sent, so that deferred work counts too.
- Every process first goes through ten full garbage collections with requests in between, as a service in production does in its first minutes. The collections run while a tick is alive, so they don't slow down \`process.nextTick\`, as others may ([when](upstream.md)). Before a burst counts, and before the measure of ${number(settings.rate)} requests/s, come ${number(settings.settled ?? settings.bursts.warmup * settings.bursts.burst)} more requests, because V8 has to compile much again after a full collection, and a service answers far more until the next one.
- Every alternative is set up as its README says (\`bench/peers.cjs\`). Those that don't report pino logs get instrumentation-pino, and those that don't report fetch get instrumentation-undici. Nothing is tuned, including this plugin.`,
  'Your machine, handlers and network will give different numbers. If your handlers do real work, every difference on this page becomes smaller.')

section('Repeat it',
  `\`\`\`sh
npm ci
npm run bench -- --quick   # a summary in three minutes
npm run bench              # everything; an hour on a quiet machine
node bench/report.mjs      # writes this page from the results
node bench/regression.mjs  # only this plugin against bare Fastify, as in CI
\`\`\``,
  `This run: \`${results.command}\`, ${results.date.slice(0, 10)}, Node.js ${results.node}, ${machine.cores} cores (${machine.cpu}), ${machine.memory}, ${machine.platform}.${results.again === undefined ? '' : ` Another run, of ${results.again.version}${results.again.cpu === undefined || results.again.cpu === machine.cpu ? '' : ` (${results.again.cpu})`}: \`${results.again.command}\`, ${results.again.date.slice(0, 10)}.`}`,
  `Versions: ${Object.entries(results.versions).map(([name, version]) => `${name} ${version}`).join(', ')}.`,
  results.errors.length === 0 ? undefined : `What failed in this run: ${results.errors.map(({ what, peer, message }) => `${what}, ${peer}: ${message}`).join('; ')}.`)

write('performance.md', ['# Performance', GENERATED, 'What telemetry costs a Fastify app, and how much of it arrives, compared with other ways to send it to Application Insights. Where this plugin isn\'t ahead, the page says so.', ...sections])
for (const [name, svg] of Object.entries(plots)) if (svg) writeFileSync(docs + name, svg)

if (results.cases) {
  const parts = ['# What each one sends', GENERATED,
    'What happens to a server, and the rows that each way to Application Insights actually sends for it. Every app uses Fastify\'s default logging. Requests are shown as “name”, result code and success; traces are log lines. The set-up of each one is in `bench/peers.cjs`, the routes are in `bench/cases-app.cjs`.',
    ...choosing(results, table)]
  const all = [...cases, { name: 'esm', title: 'The app as an ES module with imports at the top, set up before Fastify is called, without a Node.js flag' }, { name: 'others', title: 'Hosts contacted in the first seconds, other than the ingestion endpoint' }]
  for (const { name, title } of all) {
    const groups = new Map()
    for (const peer of everybody) {
      const said = results.cases[peer]?.[name] ?? '–'
      groups.set(said, [...groups.get(said) ?? [], peer])
    }
    parts.push(`## ${title}`, table(['', 'sent'], [...groups].map(([said, same]) => [same.map(peer => bold(peer, label(peer))).join('<br>'), said.replaceAll('|', '\\|').replaceAll('case-', '')])).replace('---:', '---'))
  }
  // Kept from an earlier run, measured again into this one, or part of it.
  const casesRun = results.casesRun ?? { versions: results.versions, date: (results.again?.command.includes('cases') ? results.again : results).date }
  parts.push('## Repeat it', '```sh\nnpm ci\nnpm run bench -- --only cases\n```', `This run: ${casesRun.date.slice(0, 10)}, Node.js ${results.node}. Versions: ${Object.entries(casesRun.versions).map(([name, version]) => `${name} ${version}`).join(', ')}.`)
  write('compare.md', parts)
}

function write (name, parts) {
  mkdirSync(docs, { recursive: true })
  writeFileSync(docs + name, `${parts.filter(part => part !== undefined).join('\n\n')}\n`)
}
