/** What a plugin of this kind can't avoid, layer by layer: each is the one before plus one thing, written as plainly as possible. */
'use strict'

const LAYERS = {
  hooks: 'empty hooks: onRequest, preValidation, onSend, onResponse, the response\'s close',
  context: 'and the request\'s context: two values, entered once',
  span: 'and a SERVER span of the SDK\'s with ten attributes',
  record: 'and a log record of the SDK\'s for the line',
  pack: 'and both packed into a batch',
  post: 'and the batch sealed and posted to a worker thread, which does nothing'
}

const BATCH = 256

/** The layers up to the named one. Loads only what they need. */
function addLayers (app, upTo, stream) {
  const has = name => Object.keys(LAYERS).indexOf(name) <= Object.keys(LAYERS).indexOf(upTo)
  const api = has('context') ? require('@opentelemetry/api') : undefined
  const kOperation = Symbol('operation')
  const key = Symbol.for('floor')
  if (has('context')) {
    const { AsyncLocalStorageContextManager } = require('@opentelemetry/context-async-hooks')
    api.context.setGlobalContextManager(new AsyncLocalStorageContextManager().enable())
  }
  const resource = has('span') ? require('@opentelemetry/resources').resourceFromAttributes({ 'service.name': 'floor', 'service.instance.id': 'one' }) : undefined
  const packer = has('pack') ? new (require('../dist/delivery/pack.js').Packer)() : undefined
  const packed = has('post') ? poster(packer) : dropper(packer)
  const tracer = has('span') ? tracerOf(resource, packer, packed) : undefined
  const emit = has('record') ? lineReporter(resource, packer, packed, api) : undefined

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
    attributes['ai.operation.name'] = 'GET /items/:id'
    span.end()
  }

  app.decorateRequest(kOperation, null)
  app.addHook('onRequest', (request, reply, done) => {
    reply.raw.on('close', close)
    if (api === undefined) return done()
    const operation = { request, span: undefined, context: undefined }
    request[kOperation] = reply.raw[kOperation] = operation
    if (tracer !== undefined) operation.span = tracer.startSpan(`${request.raw.method} ${request.routeOptions.url}`, { kind: api.SpanKind.SERVER }, api.ROOT_CONTEXT)
    let where = api.ROOT_CONTEXT.setValue(key, operation)
    where = tracer === undefined ? where.setValue(kOperation, operation) : api.trace.setSpan(where, operation.span)
    operation.context = where
    api.context.with(where, done)
  })
  app.addHook('preValidation', (_request, _reply, done) => { done() })
  app.addHook('onSend', (_request, _reply, _payload, done) => { done() })
  app.addHook('onResponse', (_request, _reply, done) => { done() })
  if (emit !== undefined) stream.write = line => { if (line.includes('item read')) emit(line) }
}

function tracerOf (resource, packer, packed) {
  const { BasicTracerProvider } = require('@opentelemetry/sdk-trace-base')
  const onEnd = span => {
    packer?.span(span)
    packed()
  }
  return new BasicTracerProvider({ resource, spanProcessors: [{ onStart () {}, onEnd, forceFlush: async () => {}, shutdown: async () => {} }] }).getTracer('floor')
}

function lineReporter (resource, packer, packed, { context }) {
  const { LoggerProvider } = require('@opentelemetry/sdk-logs')
  const origin = { scope: 'floor' }
  let text = ''
  const onEmit = ({ hrTime, spanContext }) => {
    packer?.line({ text, timestamp: hrTime[0] * 1_000, level: 30, severityNumber: 9, origin, traceId: spanContext?.traceId, spanId: spanContext?.spanId, operationName: 'GET /items/:id', rate: undefined, attributes: undefined })
    packed()
  }
  const logger = new LoggerProvider({ resource, processors: [{ onEmit, forceFlush: async () => {}, shutdown: async () => {}, enabled: () => true }] }).getLogger('floor')
  return line => {
    text = line
    logger.emit({ body: 'item read', severityNumber: 9, timestamp: Date.now(), context: context.active() })
  }
}

function dropper (packer) {
  return () => { if (packer?.size >= BATCH) packer.seal() }
}

function poster (packer) {
  const { Worker } = require('node:worker_threads')
  let sink
  return () => {
    if (packer.size < BATCH) return
    // Not before the app listens, as with the plugin.
    if (sink === undefined) {
      sink = new Worker('require("node:worker_threads").parentPort.on("message", () => {})', { eval: true })
      sink.unref()
    }
    const { counts } = packer
    sink.postMessage({ sealed: packer.seal(), counts })
  }
}

module.exports = { LAYERS, addLayers }
