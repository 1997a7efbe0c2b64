/**
 * What a plugin of this kind can't avoid, layer by layer, and how far ours is from it: node bench/floor.mjs
 * Apps with the layers (floor-layers.cjs), with the plugin and with the instrumentations side by side, as in run.mjs.
 */
import { createRequire } from 'node:module'
import { writeFileSync } from 'node:fs'
import { bursts, startLoad, startUp } from './measures.mjs'
import { spread } from './statistics.mjs'

const { floor, peers } = createRequire(import.meta.url)('./peers.cjs')
const STARTS = 15
const SETTINGS = { latency: 150, rounds: 40, burst: 512, warmup: 4, settled: 25_600, aging: { times: 10, count: 256 } }
const BASE = 'http-pino'

const names = ['bare', ...Object.keys(floor), 'ours', BASE]
const label = name => (floor[name] ?? peers[name]).label
const generator = await startLoad()
const common = { command: 'node bench/floor.mjs', node: process.version, date: new Date().toISOString() }

const measured = await bursts(names, generator, SETTINGS)
const micros = name => measured[name].rounds.map(({ mainMicros }) => mainMicros)
const over = name => spread(micros(name).map((value, round) => value - micros('bare')[round]))
const cpu = {
  ...common,
  title: 'How far from the floor',
  about: `CPU time of the main thread for a request with one log line, in ${SETTINGS.rounds} bursts, in turn: what each layer adds that a plugin built on OpenTelemetry's SDK can't do without, then the plugin itself, then the instrumentations. Bare Fastify: ${spread(micros('bare')).median.toFixed(1)} µs. In parentheses the middle half of the bursts.`,
  head: ['', 'µs over bare', `of ${label(BASE)}`],
  rows: names.slice(1).map(name => {
    const { median, q1, q3 } = over(name)
    return [label(name), `${median.toFixed(1)} (${q1.toFixed(1)} – ${q3.toFixed(1)})`, (median / over(BASE).median).toFixed(2)]
  })
}

// The last layer has loaded what the plugin can't do without.
const started = ['bare', Object.keys(floor).at(-1), 'ours', BASE]
const ready = Object.fromEntries(started.map(name => [name, []]))
for (let round = 0; round < STARTS; round++) for (const name of round % 2 === 0 ? started : started.toReversed()) ready[name].push((await startUp(name)).readyAfter)
const starts = {
  ...common,
  title: 'How far from the floor, start-up',
  about: `From the start of the process until it is listening; medians of ${STARTS} starts, in turn. Bare Fastify: ${spread(ready.bare).median.toFixed(0)} ms.`,
  head: ['', 'ms over bare'],
  rows: started.slice(1).map(name => {
    const { median, q1, q3 } = spread(ready[name].map((value, round) => value - ready.bare[round]))
    return [name in floor ? 'OpenTelemetry\'s API and SDK' : label(name), `${median.toFixed(0)} (${q1.toFixed(0)} – ${q3.toFixed(0)})`]
  })
}

for (const { title, rows } of [cpu, starts]) console.log([title, ...rows.map(row => row.slice(1).map(text => text.padEnd(24)).join('') + row[0])].join('\n'))
writeFileSync(new URL(`results/floor-${process.version.slice(1).split('.')[0]}.json`, import.meta.url), `${JSON.stringify([cpu, starts].map(each => ({ ...each, title: `${each.title}, Node.js ${process.version.slice(1).split('.')[0]}` })), null, 1)}\n`)
process.exit()
