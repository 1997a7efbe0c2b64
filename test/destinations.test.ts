import { createServer } from 'node:http'
import { once } from 'node:events'
import type { AddressInfo } from 'node:net'
import { setTimeout as pause } from 'node:timers/promises'
import { OTLPLogExporter } from '@opentelemetry/exporter-logs-otlp-http'
import { OTLPTraceExporter } from '@opentelemetry/exporter-trace-otlp-http'
import { BatchLogRecordProcessor } from '@opentelemetry/sdk-logs'
import { BatchSpanProcessor, type SpanProcessor } from '@opentelemetry/sdk-trace-base'
import t, { type Test } from 'tap'
import { start } from './fixtures/start'

interface OtlpSpan { traceId: string, name: string, kind: number, attributes: Array<{ key: string, value: { stringValue?: string } }> }
interface OtlpRecord { traceId: string, body?: { stringValue?: string } }

/** A minimal OpenTelemetry Collector: accepts OTLP over HTTP, as JSON. */
async function collector (t: Test, answer: 'takes' | 'hangs' | 'fails' = 'takes'): Promise<{ url: string, spans: OtlpSpan[], records: OtlpRecord[], posts: number }> {
  const received = { url: '', spans: [] as OtlpSpan[], records: [] as OtlpRecord[], posts: 0 }
  const server = createServer((request, response) => {
    let text = ''
    request.on('data', chunk => { text += String(chunk) })
    request.on('end', () => {
      received.posts++
      if (answer === 'hangs') return
      response.writeHead(answer === 'fails' ? 503 : 200, { 'content-type': 'application/json' }).end('{}')
      const body = JSON.parse(text) as { resourceSpans?: Array<{ scopeSpans: Array<{ spans: OtlpSpan[] }> }>, resourceLogs?: Array<{ scopeLogs: Array<{ logRecords: OtlpRecord[] }> }> }
      received.spans.push(...(body.resourceSpans ?? []).flatMap(resource => resource.scopeSpans.flatMap(scope => scope.spans)))
      received.records.push(...(body.resourceLogs ?? []).flatMap(resource => resource.scopeLogs.flatMap(scope => scope.logRecords)))
    })
  }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.teardown(() => {
    server.closeAllConnections()
    server.close()
  })
  received.url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  return received
}

function processors (url: string): { spanProcessors: SpanProcessor[], logRecordProcessors: BatchLogRecordProcessor[] } {
  return {
    spanProcessors: [new BatchSpanProcessor(new OTLPTraceExporter({ url: `${url}/v1/traces` }))],
    logRecordProcessors: [new BatchLogRecordProcessor({ exporter: new OTLPLogExporter({ url: `${url}/v1/logs` }) })]
  }
}

t.test('a Collector gets the same spans and records over OTLP, and its traffic is not a dependency', async t => {
  const otlp = await collector(t)
  const { send, app, emulator } = await start(t, {
    options: processors(otlp.url),
    routes: app => { app.get('/users/:id', async request => { request.log.info('user read') }) }
  })
  await send('/users/1?token=not-to-be-seen')
  await app.close()
  const [request] = emulator.items({ type: 'request' })
  t.equal(otlp.spans.length, 1)
  t.match(otlp.spans[0], { traceId: request!.operation_Id, name: 'GET /users/:id', kind: 2 })
  t.match(otlp.spans[0]!.attributes.find(({ key }) => key === 'url.full')?.value.stringValue, /token=REDACTED/)
  t.match(otlp.records.filter(({ body }) => body?.stringValue === 'user read'), [{ traceId: request!.operation_Id }])
  t.equal(emulator.items({ type: 'dependency' }).length, 0)
})

for (const trouble of ['hangs', 'fails'] as const) {
  t.test(`a Collector that ${trouble} affects neither requests nor Azure, and doesn't delay close() beyond its limit`, async t => {
    const otlp = await collector(t, trouble)
    const { send, app, emulator } = await start(t, {
      options: { ...processors(otlp.url), closeTimeout: 1_000 },
      routes: app => { app.get('/', async () => 'fine') }
    })
    for (let i = 0; i < 20; i++) await send('/')
    // Wait for the rows too, not just for the other destination's flush.
    await emulator.waitFor({ type: 'request' }, { count: 20 })
    const began = performance.now()
    await app.close()
    t.ok(performance.now() - began < 4_000, `closed after ${Math.round(performance.now() - began)} ms`)
    t.equal(emulator.items({ type: 'request' }).length, 20)
    t.ok(otlp.posts > 0)
  })
}

t.test('a processor that throws, never settles or is slow affects only itself', async t => {
  const seen: string[] = []
  const throwing: SpanProcessor = {
    onStart () { throw new Error('start') },
    onEnd () { throw new Error('end') },
    async forceFlush () { throw new Error('flush') },
    async shutdown () { throw new Error('shutdown') }
  }
  const stuck: SpanProcessor = {
    onStart () {},
    onEnd (span) { seen.push(span.name) },
    async forceFlush () { await new Promise(() => {}) },
    async shutdown () { await new Promise(() => {}) }
  }
  const { send, app, emulator } = await start(t, {
    options: { spanProcessors: [throwing, stuck], closeTimeout: 500 },
    routes: app => { app.get('/', async () => 'fine') }
  })
  t.equal((await send('/')).status, 200)
  const flushed = await Promise.race([app.appInsights.flush().then(() => true), pause(3_000, false, { ref: false })])
  t.ok(flushed, 'flush is bounded')
  await app.close()
  t.match(emulator.items({ type: 'request' }), [{ name: 'GET /' }])
  // The previous test's exporter may still be retrying, outside its app's context.
  t.strictSame(seen.filter(name => name.startsWith('GET')), ['GET /'])
})
