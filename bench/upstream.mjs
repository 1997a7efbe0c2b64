/** Measures what docs/upstream.md says about our dependencies: node bench/upstream.mjs */
import { execFileSync } from 'node:child_process'
import { setImmediate as turn } from 'node:timers/promises'
import { PerformanceObserver } from 'node:perf_hooks'
import { fileURLToPath } from 'node:url'
import { AzureMonitorTraceExporter } from '@azure/monitor-opentelemetry-exporter'
import { createHttpHeaders } from '@azure/core-rest-pipeline'
import { ROOT_CONTEXT, SpanKind, createContextKey } from '@opentelemetry/api'
import { resourceFromAttributes } from '@opentelemetry/resources'
import { BasicTracerProvider } from '@opentelemetry/sdk-trace-base'
import { attributeKeeper, keepNextTickFast, quickenExports } from '../dist/v8.js'
import { median } from './statistics.mjs'

const CALLS = 5_000
const kFirst = createContextKey('first')
const kSecond = createContextKey('second')

/** The same as the API's, with methods on the prototype. */
class PrototypeContext {
  constructor (parent) { this.values = new Map(parent) }
  getValue (key) { return this.values.get(key) }
  setValue (key, value) {
    const context = new PrototypeContext(this.values)
    context.values.set(key, value)
    return context
  }
}

/** Milliseconds of garbage collection for 200,000 objects that hold a context which holds them. */
async function collections (root) {
  globalThis.gc()
  let milliseconds = 0
  const observer = new PerformanceObserver(list => { for (const { duration } of list.getEntries()) milliseconds += duration })
  observer.observe({ entryTypes: ['gc'] })
  let heap = 0
  for (let round = 0; round < 2_000; round++) {
    for (let n = 0; n < 100; n++) {
      const operation = { pad: new Array(200).fill(n) }
      operation.context = root.setValue(kFirst, operation).setValue(kSecond, { n })
    }
    await turn()
    heap = Math.max(heap, process.memoryUsage().heapUsed)
  }
  await turn()
  observer.disconnect()
  return { milliseconds, heap }
}

/** Microseconds per span for the exporter's conversion; nothing is sent. */
async function conversion (attributes) {
  const exporter = new AzureMonitorTraceExporter({
    connectionString: 'InstrumentationKey=00000000-0000-0000-0000-000000000000;IngestionEndpoint=http://127.0.0.1:1',
    host: 'http://localhost',
    allowInsecureConnection: true,
    disableOfflineStorage: true,
    httpClient: { sendRequest: async request => ({ request, status: 200, headers: createHttpHeaders(), bodyAsText: '{"itemsReceived":1,"itemsAccepted":1,"errors":[]}' }) }
  })
  const ended = []
  const tracer = new BasicTracerProvider({
    resource: resourceFromAttributes(attributes),
    spanProcessors: [{ onStart () {}, onEnd: span => ended.push(span), forceFlush: async () => {}, shutdown: async () => {} }]
  }).getTracer('upstream')
  for (let n = 0; n < 256; n++) tracer.startSpan('GET /users/:id', { kind: SpanKind.SERVER, attributes: { 'http.request.method': 'GET', 'http.route': '/users/:id', 'url.full': `http://shop.test/users/${n}`, 'http.response.status_code': 200 } }).end()
  const times = []
  for (let round = 0; round < 60; round++) {
    const began = performance.now()
    await new Promise(resolve => exporter.export(ended, resolve))
    if (round >= 20) times.push((performance.now() - began) * 1_000 / ended.length)
  }
  await exporter.shutdown()
  return median(times)
}

/** Nanoseconds of a call, before and after full collections that find none of its objects alive. */
async function aroundCollections (run) {
  await nanoseconds(run)
  const before = await nanoseconds(run)
  for (let n = 0; n < 6; n++) {
    globalThis.gc()
    await nanoseconds(run)
  }
  return `${before.toFixed(0)} ns, and ${(await nanoseconds(run)).toFixed(0)} ns after six full collections`
}

/** @param run makes as many calls as it is told */
async function nanoseconds (run) {
  const times = []
  for (let round = 0; round < 30; round++) {
    const began = process.hrtime.bigint()
    await run(CALLS)
    times.push(Number(process.hrtime.bigint() - began) / CALLS)
    await turn()
  }
  return median(times.slice(10))
}

function ticks (count) {
  return new Promise(resolve => {
    const next = () => {
      if (--count === 0) resolve()
      else process.nextTick(next)
    }
    process.nextTick(next)
  })
}

const keys = { origin: 'otel.span.parent.origin', result: 'otel.span.sampling_result' }

/** @param counter as the SDK calls it for each span */
function literals (counter) {
  const count = result => { counter.add(1, { [keys.origin]: 'none', [keys.result]: result }) }
  return async calls => { for (let n = 0; n < calls; n++) count(n % 2 === 0 ? 'DROP' : 'RECORD_ONLY') }
}

/** @param quicken called before the SDK has run anything */
async function spansWith (quicken) {
  quicken()
  const tracer = new BasicTracerProvider().getTracer('upstream')
  const time = await nanoseconds(count => { for (let n = 0; n < count; n++) tracer.startSpan('GET /users/:id', { kind: SpanKind.SERVER }).end() })
  return `${time.toFixed(0)} ns to start and end it`
}

process.env.APPLICATIONINSIGHTS_STATSBEAT_DISABLED = 'true'
process.env.APPLICATION_INSIGHTS_NO_STATSBEAT = 'true'
process.env.APPLICATIONINSIGHTS_SDKSTATS_DISABLED = 'true'
const MEASURES = {
  'contexts of the API': async () => told(await collections(ROOT_CONTEXT)),
  'contexts with methods on the prototype': async () => told(await collections(new PrototypeContext())),
  'a span without service.instance.id': async () => `${(await conversion({ 'service.name': 'shop' })).toFixed(1)} µs to convert it`,
  'a span with service.instance.id': async () => `${(await conversion({ 'service.name': 'shop', 'service.instance.id': 'one' })).toFixed(1)} µs to convert it`,
  'a span with service.instance.id, the copied tags frozen': async () => {
    Object.freeze((await import(new URL('platform/index.js', import.meta.resolve('@azure/monitor-opentelemetry-exporter')))).getInstance().tags)
    return `${(await conversion({ 'service.name': 'shop', 'service.instance.id': 'one' })).toFixed(1)} µs to convert it`
  },
  'process.nextTick': () => aroundCollections(ticks),
  'process.nextTick, one of its objects alive': async () => {
    keepNextTickFast()
    return await aroundCollections(ticks)
  },
  'an object literal with two computed keys': () => aroundCollections(literals({ add () {} })),
  'an object literal with two computed keys, the first one alive': () => aroundCollections(literals(attributeKeeper().getMeter('').createCounter(''))),
  'typeof FormData, the first time': () => execFileSync(process.execPath, ['--expose-gc', '--print', FORM_DATA], { encoding: 'utf8' }).trim(),
  'loading the SDK': () => execFileSync(process.execPath, ['--print', LOADING], { encoding: 'utf8', cwd: fileURLToPath(new URL('..', import.meta.url)) }).trim(),
  'a span, the SDK as it is': () => spansWith(() => {}),
  'a span, the SDK with quick exports': () => spansWith(quickenExports)
}

// In a process that has loaded nothing else.
const FORM_DATA = `
  const memory = () => { gc(); return process.memoryUsage() }
  const [before, began] = [memory(), performance.now()]
  const type = typeof FormData
  const milliseconds = performance.now() - began
  const after = memory();
  [type, 'after', milliseconds.toFixed(0), 'ms; heap', ((after.heapUsed - before.heapUsed) / 1e6).toFixed(1), 'MB larger, RSS', ((after.rss - before.rss) / 1e6).toFixed(0), 'MB'].join(' ')
`

// Milliseconds of the whole, and of the conventions in it.
const LOADING = `
  const load = (...names) => {
    const began = performance.now()
    for (const name of names) require('@opentelemetry/' + name)
    return performance.now() - began
  }
  const api = load('api')
  const conventions = load('semantic-conventions')
  const rest = load('core', 'resources', 'sdk-trace-base', 'sdk-logs');
  [(api + conventions + rest).toFixed(0), 'ms, of which', conventions.toFixed(0), 'ms for semantic-conventions'].join(' ')
`

function told ({ milliseconds, heap }) {
  return `${milliseconds.toFixed(0)} ms of garbage collection, at most ${(heap / 1e6).toFixed(0)} MB of heap`
}

const [measure] = process.argv.slice(2)
if (measure !== undefined) {
  console.log(await MEASURES[measure]())
  process.exit()
}
// Each in a process of its own: what one leaves behind would be collected in the next.
console.log(`Node.js ${process.version}`)
for (const name of Object.keys(MEASURES)) console.log(`${name}: ${execFileSync(process.execPath, ['--expose-gc', fileURLToPath(import.meta.url), name], { encoding: 'utf8' }).trim()}`)
