/**
 * What a plugin of this kind can't avoid, layer by layer, and how far ours is from it: node bench/floor.mjs
 * Each layer is the one before plus one thing, written as plainly as possible. All apps live in one process and answer
 * the same injected requests in turn; the measure is the process's CPU time, with the worker threads kept out of it.
 */
import { writeFileSync } from 'node:fs'
import { Worker } from 'node:worker_threads'
import { ROOT_CONTEXT, SpanKind, context, trace } from '@opentelemetry/api'
import { AsyncLocalStorageContextManager } from '@opentelemetry/context-async-hooks'
import { resourceFromAttributes } from '@opentelemetry/resources'
import { LoggerProvider } from '@opentelemetry/sdk-logs'
import { BasicTracerProvider } from '@opentelemetry/sdk-trace-base'
import fastify from 'fastify'
import { Packer } from '../dist/delivery/pack.js'
import appInsightsPlugin from '../dist/index.js'
import { DROPPED, cpuPerRequest, inTurn } from './injected.mjs'
import { spread } from './statistics.mjs'

const ROUNDS = Number(process.argv[2] ?? 40)
const REQUESTS = 1_500
const BATCH = 256
const PATH = '/users/42'

const LAYERS = [
  ['bare Fastify, one log line in the handler', 'nothing'],
  ['and empty hooks: onRequest, preValidation, onSend, onResponse, the response\'s close', 'hooks'],
  ['and the request\'s context: two values, entered once', 'context'],
  ['and a SERVER span of the SDK\'s with ten attributes', 'span'],
  ['and a log record of the SDK\'s for the line', 'record'],
  ['and both packed into a batch', 'pack'],
  ['and the batch sealed and posted to a worker thread', 'post']
]
const OURS = [
  ['the plugin; metrics, dependencies and Live Metrics off', { metrics: false, dependencies: false, liveMetrics: false }],
  ['the plugin with default options', {}]
]

const resource = resourceFromAttributes({ 'service.name': 'floor', 'service.instance.id': 'one' })
const kOperation = Symbol('operation')
const key = Symbol.for('floor')
const sink = new Worker('require("node:worker_threads").parentPort.on("message", () => {})', { eval: true })
// The plugin registers its own; the layers need one that is there from the start.
context.setGlobalContextManager(new AsyncLocalStorageContextManager().enable())

/** The layers up to the named one, as hooks. */
function addLayers (app, layer, lines) {
  const upTo = LAYERS.findIndex(([, name]) => name === layer)
  const has = name => LAYERS.findIndex(([, each]) => each === name) <= upTo
  const packer = new Packer()
  const origin = { scope: 'floor' }
  const packed = () => {
    if (packer.size < BATCH) return
    const { counts } = packer
    const sealed = packer.seal()
    if (has('post')) sink.postMessage({ sealed, counts })
  }
  const tracer = new BasicTracerProvider({
    resource,
    spanProcessors: [{
      onStart () {},
      onEnd (span) {
        if (!has('pack')) return
        packer.span(span)
        packed()
      },
      forceFlush: async () => {},
      shutdown: async () => {}
    }]
  }).getTracer('floor')
  const logger = new LoggerProvider({
    resource,
    processors: [{
      onEmit (record) {
        if (!has('pack')) return
        packer.line({ text: lines.last, timestamp: record.hrTime[0] * 1_000, level: 30, severityNumber: 9, origin, traceId: record.spanContext?.traceId, spanId: record.spanContext?.spanId, operationName: 'GET /users/:id', rate: undefined, attributes: undefined })
        packed()
      },
      forceFlush: async () => {},
      shutdown: async () => {},
      enabled: () => true
    }]
  }).getLogger('floor')

  function close () {
    const operation = this[kOperation]
    if (operation?.span === undefined) return
    const { span, request } = operation
    const { attributes } = span
    attributes['http.request.method'] = request.raw.method
    attributes['http.route'] = request.routeOptions.url
    attributes['network.protocol.version'] = request.raw.httpVersion
    attributes['server.address'] = 'localhost'
    attributes['server.port'] = 80
    attributes['url.full'] = `http://localhost${request.raw.url}`
    attributes['client.address'] = request.ip
    attributes['user_agent.original'] = request.raw.headers['user-agent']
    attributes['http.response.status_code'] = this.statusCode
    attributes['ai.operation.name'] = 'GET /users/:id'
    span.end()
  }
  if (!has('hooks')) return
  app.decorateRequest(kOperation, null)
  app.addHook('onRequest', (request, reply, done) => {
    reply.raw.on('close', close)
    if (!has('context')) return done()
    const operation = { request, span: undefined, context: undefined }
    request[kOperation] = reply.raw[kOperation] = operation
    if (has('span')) operation.span = tracer.startSpan(`${request.raw.method} ${request.routeOptions.url}`, { kind: SpanKind.SERVER }, ROOT_CONTEXT)
    let where = ROOT_CONTEXT.setValue(key, operation)
    where = has('span') ? trace.setSpan(where, operation.span) : where.setValue(kOperation, operation)
    operation.context = where
    context.with(where, done)
  })
  app.addHook('preValidation', (_request, _reply, done) => { done() })
  app.addHook('onSend', (_request, _reply, _payload, done) => { done() })
  app.addHook('onResponse', (_request, _reply, done) => { done() })
  lines.emit = line => {
    if (!has('record') || !line.includes('user read')) return
    lines.last = line
    logger.emit({ body: 'user read', severityNumber: 9, timestamp: Date.now(), context: context.active() })
  }
}

async function build (layer, options) {
  const lines = { emit () {}, last: '' }
  const app = fastify({ logger: { stream: { write (line) { lines.emit(line) } } } })
  if (options !== undefined) await app.register(appInsightsPlugin, { ...DROPPED, ...options })
  else addLayers(app, layer, lines)
  app.get('/users/:id', async request => {
    request.log.info({ userId: request.params.id }, 'user read')
    return { id: request.params.id }
  })
  await app.ready()
  return app
}

const titles = [...LAYERS, ...OURS].map(([title]) => title)
const apps = []
for (const [, layer] of LAYERS) apps.push(await build(layer))
for (const [, options] of OURS) apps.push(await build(undefined, options))
for (let warm = 0; warm < 3; warm++) for (const app of apps) await cpuPerRequest(app, PATH, REQUESTS)
const all = await inTurn(apps, ROUNDS, PATH, REQUESTS)

const rows = []
for (const [index, times] of all.entries()) {
  const over = spread(times.map((time, round) => time - all[0][round]))
  // The two forms of the plugin are compared with the last layer.
  const step = index === 0 ? undefined : spread(times.map((time, round) => time - all[Math.min(index - 1, LAYERS.length - 1)][round]))
  const text = given => given === undefined ? '' : `${given.median.toFixed(1)} (${given.q1.toFixed(1)} – ${given.q3.toFixed(1)})`
  const row = [titles[index], index === 0 ? spread(times).median.toFixed(1) : over.median.toFixed(1), text(step)]
  rows.push(row)
  console.log(`${row[1].padStart(6)} µs  ${row[2].padEnd(22)} ${row[0]}`)
}
for (const app of apps) await app.close()
await sink.terminate()
writeFileSync(new URL('results/floor.json', import.meta.url), `${JSON.stringify([{
  command: 'node bench/floor.mjs',
  node: process.version,
  date: new Date().toISOString(),
  title: 'How far from the floor',
  about: `CPU time of the main thread for an injected request, in turns, ${ROUNDS} rounds: what each layer adds that a plugin built on OpenTelemetry's SDK can't do without, and the plugin itself against the last of them. The first line is absolute, the others are over it; in parentheses the middle half of the rounds.`,
  head: ['', 'µs over bare', 'µs over the layer before'],
  rows
}], null, 1)}\n`)
