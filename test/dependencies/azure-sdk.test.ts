import { execFile } from 'node:child_process'
import { once } from 'node:events'
import { type IncomingMessage, createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { type OperationTracingOptions, createTracingClient } from '@azure/core-tracing'
import { EventHubProducerClient } from '@azure/event-hubs'
import { type ServiceBusReceivedMessage, ServiceBusClient } from '@azure/service-bus'
import { AnonymousCredential, BlobServiceClient } from '@azure/storage-blob'
import { trace } from '@opentelemetry/api'
import type { FastifyInstance } from 'fastify'
import { startEmulator } from 'fastify-app-insights/emulator'
import t, { type Test } from 'tap'
import { startBroker } from '../fixtures/amqp'
import { start } from '../fixtures/start'

/** A minimal Blob storage that records the requests it gets. */
async function storage (t: Test): Promise<{ url: string, host: string, seen: IncomingMessage[] }> {
  const seen: IncomingMessage[] = []
  const server = createServer((request, response) => {
    seen.push(request)
    request.resume().on('end', () => {
      const { pathname } = new URL(request.url!, 'http://storage')
      response.writeHead(pathname.endsWith('/missing') ? 404 : 201, { 'x-ms-request-id': 'r1', 'x-ms-error-code': 'BlobNotFound' }).end()
    })
  }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.teardown(() => {
    server.closeAllConnections()
    server.close()
  })
  const { port } = server.address() as AddressInfo
  return { url: `http://127.0.0.1:${port}/account`, host: `127.0.0.1:${port}`, seen }
}

t.test('a Service Bus message is sent by one operation and processed in another, and the two are linked', async t => {
  const broker = await startBroker(t)
  const client = new ServiceBusClient(broker.connectionString)
  const received: ServiceBusReceivedMessage[] = []
  let settle = (): void => {}
  const settled = new Promise<void>(resolve => { settle = resolve })
  const { send, flush, emulator } = await start(t, {
    routes: app => {
      app.get('/order', async () => {
        const sender = client.createSender('orders')
        await sender.sendMessages({ body: 'two books' })
        await sender.close()
        return 'ordered'
      })
      app.get('/listen', async () => {
        // Inside a request, which may happen: messages processed later are not part of it.
        client.createReceiver('orders', { receiveMode: 'receiveAndDelete' }).subscribe({
          async processMessage (message) {
            received.push(message)
            app.log.info('processing')
            throw new RangeError('sold out')
          },
          async processError ({ errorSource }) {
            if (errorSource === 'processMessageCallback') settle()
          }
        })
        return 'listening'
      })
    }
  })
  await send('/order')
  await send('/listen')
  await settled
  await client.close()
  await flush()

  const [order] = emulator.items({ type: 'request', name: 'GET /order' })
  const within = emulator.items({ type: 'dependency', operation_Id: order!.operation_Id })
  const call = within.find(({ name }) => name === 'ServiceBusSender.send')
  const message = within.find(({ name }) => name === 'message')
  t.match(call, { dependencyType: 'Microsoft.ServiceBus', target: '127.0.0.1/orders', success: true, operation_Name: 'GET /order', operation_ParentId: order!.id })
  t.match(message, { dependencyType: 'Queue Message | Microsoft.ServiceBus', target: '127.0.0.1/orders', operation_Name: 'GET /order' })
  t.equal(within.length, 2, 'one row for the call, one for the message')
  t.equal(received[0]!.applicationProperties!['Diagnostic-Id'], `00-${order!.operation_Id}-${message!.id}-01`)

  const [processed] = emulator.items({ type: 'request', name: 'StreamReceiver.process' })
  t.match(processed, { success: false, operation_Name: 'StreamReceiver.process' })
  t.not(processed!.operation_Id, order!.operation_Id)
  t.match(JSON.parse(processed!.customDimensions!['_MS.links']!), [{ operation_Id: order!.operation_Id, id: message!.id }])
  t.match(processed!.envelope, { data: { baseData: { source: '127.0.0.1/orders' } } })
  t.match(emulator.items({ type: 'trace', message: 'processing' }), [{ operation_Id: processed!.operation_Id, operation_ParentId: processed!.id, operation_Name: 'StreamReceiver.process' }])
  t.match(emulator.items({ type: 'exception' }), [{ operation_Id: processed!.operation_Id, exceptionType: 'RangeError', outerMessage: 'sold out' }])
})

t.test('messages carry the context of an operation that is sampled out, and none if propagate says so', async t => {
  for (const { options, expected } of [
    { options: { samplingRatio: 0 }, expected: /^00-[0-9a-f]{32}-[0-9a-f]{16}-00$/ },
    { options: { dependencies: { propagate: false } }, expected: undefined },
    { options: { dependencies: { ignore: ['127.0.0.1'] } }, expected: /^00-[0-9a-f]{32}-[0-9a-f]{16}-01$/ },
    { options: { dependencies: { azureSdk: false } }, expected: undefined }
  ]) {
    const broker = await startBroker(t)
    const { send, flush, emulator, app } = await start(t, {
      options,
      routes: app => {
        app.get('/order', async () => {
          const client = new ServiceBusClient(broker.connectionString)
          await client.createSender('orders').sendMessages({ body: 'two books' })
          await client.close()
        })
      }
    })
    await send('/order')
    await flush()
    t.match(broker.messages[0]!.application_properties?.['Diagnostic-Id'], expected, JSON.stringify(options))
    t.equal(emulator.items({ type: 'dependency' }).length, options.dependencies?.propagate === false ? 2 : 0)
    await app.close()
  }
})

t.test("a Storage call is one row with the method's name, and its callee gets the trace context once", async t => {
  const { url, host, seen } = await storage(t)
  const { send, flush, emulator } = await start(t, {
    routes: app => {
      app.get('/upload', async () => {
        const service = new BlobServiceClient(url, new AnonymousCredential(), { retryOptions: { maxTries: 1 } })
        const container = service.getContainerClient('books')
        await container.getBlockBlobClient('seven').upload('text', 4)
        return await container.getBlobClient('missing').exists()
      })
    }
  })
  t.equal(await (await send('/upload')).text(), 'false')
  await flush()
  const [request] = emulator.items({ type: 'request' })
  const rows = emulator.items({ type: 'dependency' })
  t.match(rows, [
    { name: 'PUT /account/books/seven', dependencyType: 'Http', target: host, resultCode: '201', success: true, operation_ParentId: request!.id, customDimensions: { 'code.function.name': 'BlockBlobClient-upload' } },
    { name: 'HEAD /account/books/missing', dependencyType: 'Http', resultCode: '404', operation_ParentId: request!.id, customDimensions: { 'code.function.name': /exists|getProperties/ } }
  ])
  t.equal(rows.length, 2)
  t.strictSame(seen.map(({ headers }) => headers.traceparent), rows.map(({ id }) => `00-${request!.operation_Id}-${id}-01`))
  t.equal(emulator.items({ type: 'exception' }).length, 0)
})

t.test('a method that fails before it calls anything is a row', async t => {
  const { url } = await storage(t)
  const { send, flush, emulator } = await start(t, {
    routes: app => {
      app.get('/upload', async () => {
        const credential = { getToken: async () => { throw Object.assign(new Error('no identity here'), { name: 'CredentialUnavailableError' }) } }
        const service = new BlobServiceClient(url.replace('http:', 'https:'), credential, { retryOptions: { maxTries: 1 } })
        await service.getContainerClient('books').getBlockBlobClient('seven').upload('text', 4).catch(() => {})
      })
    }
  })
  await send('/upload')
  await flush()
  t.match(emulator.items({ type: 'dependency' }), [{ name: 'BlockBlobClient-upload', dependencyType: 'Microsoft.Storage', success: false, operation_Name: 'GET /upload', customDimensions: { error: 'CredentialUnavailableError' } }])
  t.equal(emulator.items({ type: 'exception' }).length, 0)
})

t.test('the contract of @azure/core-tracing: kinds, links, attributes, statuses and contexts', async t => {
  const client = createTracingClient({ namespace: 'Microsoft.EventHub', packageName: 'test', packageVersion: '1.0.0' })
  const seen: Array<string | undefined> = []
  const headersOf = (options: { tracingOptions?: OperationTracingOptions }): string | undefined => client.createRequestHeaders(options.tracingOptions?.tracingContext).traceparent
  const { send, flush, emulator } = await start(t, {
    routes: app => {
      app.get('/work', async () => {
        await client.withSpan('Outer.call', {}, async updated => {
          await client.withSpan('Inner.call', updated, async () => {}, { spanKind: 'internal' })
        }, { spanKind: 'client', spanAttributes: { 'net.peer.name': 'hub.example.org', 'messaging.destination.name': 'sales', nothing: undefined, deep: { a: 1 } } })
        await client.withSpan('Failing.call', {}, async () => { throw Object.assign(new Error('busy'), { code: 'ServerBusyError' }) }).catch(() => {})
        await client.withSpan('Unmodified.call', {}, async () => { throw Object.assign(new Error('as it was'), { statusCode: 304 }) }).catch(() => {})
        const parent = client.parseTraceparentHeader('00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01')!
        await client.withSpan('Hub.process', {}, async updated => {
          seen.push(trace.getActiveSpan()?.spanContext().traceId, headersOf(updated))
          await client.withSpan('Within.call', updated, async () => {})
        }, { spanKind: 'consumer', spanLinks: [{ tracingContext: parent, attributes: { enqueuedTime: 1 } }] })
        t.equal(client.parseTraceparentHeader('nonsense'), undefined)
      })
      app.get('/silent', { config: { appInsights: false } }, async () => {
        await client.withSpan('Silent.call', {}, async updated => { seen.push(headersOf(updated)) })
      })
    }
  })
  await send('/silent')
  t.strictSame(seen.splice(0), [undefined])
  await send('/work')
  await flush()
  const [request] = emulator.items({ type: 'request', name: 'GET /work' })
  const row = (name: string): unknown => emulator.items({ name })
  t.match(row('Outer.call'), [{ type: 'dependency', dependencyType: 'Microsoft.EventHub', target: 'hub.example.org/sales', success: true, operation_ParentId: request!.id }])
  t.match(row('Inner.call'), [{ type: 'dependency', dependencyType: 'InProc | Microsoft.EventHub', operation_Id: request!.operation_Id }])
  t.match(row('Failing.call'), [{ type: 'dependency', success: false, customDimensions: { error: 'ServerBusyError' } }])
  t.match(row('Unmodified.call'), [{ type: 'dependency', success: true }])
  const [processed] = emulator.items({ type: 'request', name: 'Hub.process' })
  t.match(processed!.customDimensions!['_MS.links'], /0af7651916cd43dd8448eb211c80319c/)
  t.match(row('Within.call'), [{ operation_Id: processed!.operation_Id, operation_Name: 'Hub.process', operation_ParentId: processed!.id }])
  t.strictSame(seen, [processed!.operation_Id, `00-${processed!.operation_Id}-${processed!.id}-01`])
  t.equal(emulator.items({ type: 'exception' }).length, 0, 'a failed call is no exception of its own')
  t.equal(row('Silent.call') instanceof Array && (row('Silent.call') as unknown[]).length, 0)
})

t.test('Event Hubs: a batch is one call, and its events carry the context', async t => {
  const broker = await startBroker(t)
  const { send, flush, emulator } = await start(t, {
    routes: (app: FastifyInstance) => {
      app.get('/publish', async () => {
        const producer = new EventHubProducerClient(broker.connectionString, 'sales')
        await producer.sendBatch([{ body: 'one' }, { body: 'two' }])
        await producer.close()
      })
    }
  })
  t.equal((await send('/publish')).status, 200)
  await flush()
  t.match(emulator.items({ type: 'dependency', name: 'EventHubProducerClient.sendBatch' }), [{ dependencyType: 'Microsoft.EventHub', target: '127.0.0.1/sales', success: true, operation_Name: 'GET /publish' }])
  t.match(emulator.items({ type: 'dependency', name: 'message' }), [{ target: '127.0.0.1/sales' }, { target: '127.0.0.1/sales' }])
})

for (const [type, format] of [['commonjs', 'cjs'], ['module', 'mjs']] as const) {
  t.test(`an app in ${type} that has loaded the SDK first needs no loader, and another instrumenter stays`, async t => {
    const emulator = await startEmulator()
    t.teardown(async () => await emulator.close())
    const { stdout } = await promisify(execFile)(process.execPath, [join(__dirname, `../fixtures/azure-sdk-first.${format}`)], { env: { PATH: process.env.PATH, CONNECTION_STRING: emulator.connectionString }, timeout: 60_000 })
    t.strictSame(JSON.parse(stdout), { after: false, beside: true, stays: true })
    t.match(emulator.items({ type: 'dependency' }), [{ name: 'First.call' }])
  })
}
