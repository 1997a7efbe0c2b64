import { once } from 'node:events'
import { Agent, type IncomingMessage, type Server, createServer, get, request as httpRequest } from 'node:http'
import { type AddressInfo, createServer as createTcpServer } from 'node:net'
import { join } from 'node:path'
import { SpanKind, SpanStatusCode, context, propagation, trace } from '@opentelemetry/api'
import fastify, { type FastifyInstance } from 'fastify'
import appInsightsPlugin, { type AppInsightsOptions } from 'fastify-app-insights'
import t, { type Test } from 'tap'
import { plainNode } from '../fixtures/plain-node'
import { type Started, sink, start } from '../fixtures/start'

interface Callee { url: string, host: string, seen: IncomingMessage[] }

/** A server outside the app that records the requests it gets. */
async function callee (t: Test): Promise<Callee> {
  const seen: IncomingMessage[] = []
  const server: Server = createServer((request, response) => {
    seen.push(request)
    const { pathname } = new URL(request.url!, 'http://callee')
    if (pathname === '/never') return
    if (pathname === '/cut') {
      response.writeHead(200, { 'content-length': '100' }).write('only this')
      setImmediate(() => response.destroy())
      return
    }
    response.statusCode = pathname === '/missing' ? 404 : pathname === '/broken' ? 500 : 200
    response.end(pathname === '/large' ? 'x'.repeat(3_000_000) : 'fine')
  }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.teardown(() => {
    server.closeAllConnections()
    server.close()
  })
  const { port } = server.address() as AddressInfo
  return { url: `http://127.0.0.1:${port}`, host: `127.0.0.1:${port}`, seen }
}

async function text (url: string): Promise<string> {
  return await (await fetch(url)).text()
}

/** The text of a plain node:http response, or the error's code. */
async function viaHttp (url: string, headers: Record<string, string> | string[] = {}): Promise<string> {
  return await new Promise(resolve => {
    get(url, { headers, agent: false }, response => {
      let text = ''
      response.on('data', chunk => { text += String(chunk) })
      response.on('end', () => resolve(text))
      response.on('error', (error: NodeJS.ErrnoException) => resolve(error.code!))
    }).on('error', (error: NodeJS.ErrnoException) => resolve(error.code!))
  })
}

interface Dispatcher { dispatch: (options: { origin: string, path: string }, handler: unknown) => boolean }

/** As undici's ProxyAgent does it without a tunnel, and Node.js 26 with NODE_USE_ENV_PROXY. */
async function fetchThrough (proxy: string, url: string): Promise<void> {
  const symbol = Object.getOwnPropertySymbols(globalThis).find(({ description }) => description?.startsWith('undici.globalDispatcher'))!
  const { [symbol]: direct } = globalThis as unknown as Record<symbol, Dispatcher>
  const dispatcher: Dispatcher = { dispatch: (options, handler) => direct!.dispatch({ ...options, origin: proxy, path: options.origin + options.path }, handler) }
  await (await fetch(url, { dispatcher } as object)).text()
}

/** An app with a single route that runs `work`. */
async function gateway (t: Test, work: (app: FastifyInstance) => Promise<unknown>, options: AppInsightsOptions = {}): Promise<Started> {
  return await start(t, {
    options,
    routes: app => {
      app.get('/work', async () => await work(app))
      app.get('/silent', { config: { appInsights: false } }, async () => await work(app))
    }
  })
}

t.test('a call reports its outcome: status, success and the error', async t => {
  const closed = createTcpServer().listen(0, '127.0.0.1')
  await once(closed, 'listening')
  const { port } = closed.address() as AddressInfo
  closed.close()
  const { url, host } = await callee(t)
  const { send, emulator, flush } = await gateway(t, async () => {
    for (const path of ['/fine', '/missing', '/broken', '/cut']) {
      await text(`${url}${path}?client=fetch`).catch(() => {})
      await viaHttp(`${url}${path}?client=http`)
    }
    await text(`http://127.0.0.1:${port}/nobody?client=fetch`).catch(() => {})
    await viaHttp(`http://127.0.0.1:${port}/nobody?client=http`)
  })
  await send('/work')
  await flush()
  for (const client of ['fetch', 'http']) {
    const row = (path: string): unknown => emulator.items({ type: 'dependency', data: `${url}${path}?client=${client}` })
    t.match(row('/fine'), [{ name: 'GET /fine', resultCode: '200', success: true, target: host, dependencyType: 'Http' }])
    t.match(row('/missing'), [{ resultCode: '404', success: false }])
    t.match(row('/broken'), [{ resultCode: '500', success: false }])
    t.match(row('/cut'), [{ resultCode: '200', success: false, customDimensions: { error: /ECONNRESET|UND_ERR_SOCKET/ } }])
    t.match(emulator.items({ type: 'dependency', target: `127.0.0.1:${port}`, data: new RegExp(client) }), [{ resultCode: '0', success: false, customDimensions: { error: 'ECONNREFUSED' } }])
  }
  t.equal(emulator.items({ type: 'exception' }).length, 0, 'a failed call is no exception: what the app makes of it may be one')
})

t.test('a call through a forward proxy is a call of the host that it is for', async t => {
  const proxy = await callee(t)
  const [, port] = proxy.host.split(':')
  const { send, emulator, flush } = await gateway(t, async () => {
    await fetchThrough(proxy.url, 'http://orders.test:8080/fine?client=undici&sig=abc')
    await fetchThrough(proxy.url, 'http://ignored.test/fine')
    await new Promise(resolve => { get({ host: '127.0.0.1', port, path: 'http://orders.test:8080/fine?client=http&sig=abc', headers: { host: 'orders.test:8080' }, agent: false }, response => { response.resume().on('end', resolve) }) })
  }, { dependencies: { ignore: ['ignored.test'] } })
  await send('/work')
  await flush()
  t.strictSame(proxy.seen.map(({ url }) => new URL(url!).host), ['orders.test:8080', 'ignored.test', 'orders.test:8080'])
  t.match(emulator.items({ type: 'dependency' }), ['undici', 'http'].map(client =>
    ({ name: 'GET /fine', target: 'orders.test:8080', data: `http://orders.test:8080/fine?client=${client}&sig=REDACTED` })))
})

t.test('a call whose Host header names another host, as gateways send it, has the port that it connects to', async t => {
  const { url, host } = await callee(t)
  const agent = new Agent({ keepAlive: true })
  t.teardown(() => { agent.destroy() })
  const { send, emulator, flush } = await gateway(t, async () => {
    for (const headers of [{ host: 'shop.test' }, { host: 'shop.test:444' }, ['host', 'shop.test']]) {
      await new Promise(resolve => { get(`${url}/fine?sig=abc`, { headers, agent }, response => { response.resume().on('end', resolve) }) })
    }
  })
  await send('/work')
  await flush()
  t.match(emulator.items({ type: 'dependency' }), Array(3).fill({ data: `${url}/fine?sig=REDACTED`, target: host, resultCode: '200' }))
})

t.test('a call whose response nobody reads is still a row', async t => {
  const { url } = await callee(t)
  const { send, emulator, app } = await gateway(t, async () => {
    const controller = new AbortController()
    await fetch(`${url}/large?unread`)
    const cancelled = await fetch(`${url}/large?cancelled`)
    await cancelled.body!.cancel()
    await fetch(`${url}/large?aborted`, { signal: controller.signal })
    controller.abort()
    await new Promise(resolve => { httpRequest(`${url}/fine?unheard`).on('close', resolve).end() })
    await new Promise(resolve => { get(`${url}/large?heard`, { agent: false }, resolve) })
    await new Promise(resolve => { get(`${url}/missing?heard`, { agent: false }, resolve) })
  })
  await send('/work')
  await app.close()
  t.match(emulator.items({ type: 'dependency' }).map(({ data, success, resultCode }) => [new URL(data!).search, success, resultCode]).sort(), [
    ['?aborted', true, '200'],
    ['?cancelled', true, '200'],
    ['?heard', false, '404'],
    ['?heard', true, '200'],
    ['?unheard', true, '200'],
    ['?unread', true, '200']
  ])
})

t.test("a session of Node's own WebSocket is a successful 101 as soon as it is open, and a refused one a failure", async t => {
  const { emulator } = await start(t)
  const { code, stderr } = await plainNode(['--experimental-websocket', join(__dirname, '../fixtures/web-socket.cjs')], { APPLICATIONINSIGHTS_CONNECTION_STRING: emulator.connectionString })
  t.equal(code, 0, stderr)
  t.match(emulator.items({ type: 'dependency' }).sort((a, b) => a.resultCode!.localeCompare(b.resultCode!)), [
    { name: 'GET /chat', resultCode: '101', success: true, operation_Name: 'GET /open' },
    { name: 'GET /refused', resultCode: '403', success: false, operation_Name: 'GET /open' }
  ])
  t.equal(emulator.items({ type: 'dependency' }).length, 2)
})

t.test('whatever a call is aborted with, it is a row, and the app goes on', async t => {
  const { url } = await callee(t)
  const fail = (): never => { throw new Error('hostile') }
  const reasons: Array<[name: string, reason: unknown, error: string]> = [
    ['nothing', undefined, 'AbortError'],
    ['a text', 'enough', 'error'],
    ['a symbol', Symbol('enough'), 'error'],
    ['an error', Object.assign(new Error('enough'), { code: 'ENOUGH' }), 'ENOUGH'],
    ['an error of getters', Object.defineProperties(new Error('enough'), { code: { get: fail }, name: { get: fail }, cause: { get: fail } }), 'error']
  ]
  const { send, emulator, flush } = await gateway(t, async () => {
    for (const [name, reason] of reasons) {
      const controller = new AbortController()
      const call = fetch(`${url}/never?${encodeURIComponent(name)}`, { signal: controller.signal })
      setTimeout(() => controller.abort(reason), 20)
      await call.catch(() => {})
    }
  })
  t.equal((await send('/work')).status, 200)
  await flush()
  for (const [name, , error] of reasons) t.match(emulator.items({ type: 'dependency', data: `${url}/never?${encodeURIComponent(name)}` }), [{ resultCode: '0', success: false, customDimensions: { error } }], name)
})

t.test('the callee gets the trace context once, in place of one that was passed on', async t => {
  const { url, seen } = await callee(t)
  const { send, emulator, flush } = await start(t, {
    routes: app => {
      app.get('/work', async request => {
        const traceparent = request.headers.traceparent as string
        await (await fetch(`${url}/fetch`, { headers: { traceparent } })).text()
        await viaHttp(`${url}/http`, { traceparent })
      })
    }
  })
  await send('/work', { headers: { traceparent: '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01', tracestate: 'vendor=1' } })
  await flush()
  const calls = emulator.items({ type: 'dependency' })
  t.equal(calls.length, 2)
  for (const { headers, url } of seen) {
    const call = calls.find(({ data }) => data!.endsWith(url!))!
    t.equal(headers.traceparent, `00-0af7651916cd43dd8448eb211c80319c-${call.id}-01`)
    t.equal(headers.tracestate, 'vendor=1')
  }
})

t.test('a trace context from another trace, set by the app itself, is left alone', async t => {
  const { url, seen } = await callee(t)
  const traceparent = '00-aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa-bbbbbbbbbbbbbbbb-01'
  const { send, emulator, flush } = await gateway(t, async () => {
    await (await fetch(url, { headers: { traceparent } })).text()
    await viaHttp(url, { traceparent })
  })
  await send('/work')
  await (await fetch(url, { headers: { traceparent } })).text()
  await flush()
  t.strictSame(seen.map(({ headers }) => headers.traceparent), Array(3).fill(traceparent))
  t.equal(emulator.items({ type: 'dependency' }).length, 3)
})

t.test('calls that are sampled out make no rows, and tell the callee so', async t => {
  const { url, seen } = await callee(t)
  const { send, emulator, flush } = await gateway(t, async () => {
    await text(`${url}/fetch`)
    await viaHttp(`${url}/http`)
  }, { samplingRatio: 0 })
  await send('/work')
  await flush()
  t.equal(emulator.items(({ operation_Id: id }) => id !== undefined).length, 0)
  t.equal(seen.length, 2)
  for (const { headers } of seen) t.match(headers.traceparent, /^00-[0-9a-f]{32}-[0-9a-f]{16}-00$/)
})

t.test('calls from a silenced route are silent', async t => {
  const { url, seen } = await callee(t)
  const { send, emulator, flush } = await gateway(t, async () => {
    await text(`${url}/fetch`)
    await viaHttp(`${url}/http`)
  })
  await send('/silent')
  await flush()
  t.equal(emulator.items(({ operation_Id: id }) => id !== undefined).length, 0)
  t.strictSame(seen.map(({ headers }) => headers.traceparent), [undefined, undefined])
})

t.test('dependencies.ignore takes hosts, urls or a function; the callee still belongs to the operation', async t => {
  const { url, host, seen } = await callee(t)
  const work = async (): Promise<void> => {
    await text(`${url}/poll/1?client=fetch`)
    await viaHttp(`${url}/poll/2?client=http`)
    await text(`${url}/kept`)
  }
  const cases: Array<[NonNullable<Exclude<AppInsightsOptions['dependencies'], boolean>>['ignore'], number]> = [
    [[host], 0],
    [['127.0.0.1'], 0],
    [['*.0.0.1'], 0],
    [[`${url}/poll/*`], 1],
    [['example.org'], 3],
    [({ method, url }) => method === 'GET' && url.includes('client=fetch'), 2],
    [() => { throw new Error('not mine to fail for') }, 3]
  ]
  for (const [ignore, left] of cases) {
    const { send, emulator, app } = await gateway(t, work, { dependencies: { ignore } })
    seen.length = 0
    await send('/work')
    await app.close()
    t.equal(emulator.items({ type: 'dependency' }).length, left, String(ignore))
    const [request] = emulator.items({ type: 'request' })
    t.match(seen.map(({ headers }) => headers.traceparent), Array(3).fill(new RegExp(request!.operation_Id!)))
  }
})

t.test('dependencies.propagate controls who gets trace headers: hosts, urls, a function or nobody; the calls are still rows', async t => {
  const { url, host, seen } = await callee(t)
  const work = async (): Promise<void> => {
    await text(`${url}/ours?client=fetch`)
    await viaHttp(`${url}/ours?client=http`)
    await text(`${url}/theirs?client=fetch`)
    await viaHttp(`${url}/theirs?client=http`)
  }
  type Propagate = NonNullable<Exclude<AppInsightsOptions['dependencies'], boolean>>['propagate']
  const unsound = (value: unknown): Propagate => (() => value) as Propagate
  const cases: Array<[Propagate, string[]]> = [
    [undefined, ['/ours', '/ours', '/theirs', '/theirs']],
    [true, ['/ours', '/ours', '/theirs', '/theirs']],
    [false, []],
    [[], []],
    [['example.org'], []],
    [[host], ['/ours', '/ours', '/theirs', '/theirs']],
    [[`${url}/ours*`], ['/ours', '/ours']],
    [({ url }) => url.includes('client=http'), ['/ours', '/theirs']],
    [() => { throw new Error('not mine to fail for') }, ['/ours', '/ours', '/theirs', '/theirs']],
    [unsound(undefined), ['/ours', '/ours', '/theirs', '/theirs']],
    [(async () => { throw new Error('later') }) as unknown as Propagate, ['/ours', '/ours', '/theirs', '/theirs']]
  ]
  for (const [propagate, expected] of cases) {
    const { send, emulator, app } = await gateway(t, work, { dependencies: { propagate } })
    seen.length = 0
    await send('/work', { headers: { tracestate: 'vendor=1', traceparent: '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01' } })
    await app.close()
    const carrying = (name: string): string[] => seen.filter(({ headers }) => headers[name] !== undefined).map(({ url }) => url!.split('?')[0]!).sort()
    t.strictSame(carrying('traceparent'), expected, String(propagate))
    t.strictSame(carrying('tracestate'), expected)
    t.equal(emulator.items({ type: 'dependency' }).length, 4)
  }
})

t.test('dependencies.propagate also applies to calls that dependencies.ignore leaves out', async t => {
  const { url, host, seen } = await callee(t)
  const { send } = await gateway(t, async () => await text(url), { dependencies: { ignore: [host], propagate: false } })
  await send('/work')
  t.strictSame(seen.map(({ headers }) => headers.traceparent), [undefined])
})

t.test("dependencies.success decides which responses are failures, in rows and metrics; it isn't called without a complete response", async t => {
  const { url, host } = await callee(t)
  const asked: string[] = []
  const { send, emulator, flush, app } = await gateway(t, async () => {
    for (const path of ['/fine', '/missing', '/broken', '/cut']) {
      await text(`${url}${path}?client=fetch`).catch(() => {})
      await viaHttp(`${url}${path}?client=http`)
    }
  }, {
    dependencies: {
      success: ({ method, url, status }) => {
        asked.push(`${method} ${new URL(url).pathname}${new URL(url).search} ${status}`)
        return status === 404 || (status < 400 && !url.includes('client=http'))
      }
    }
  })
  await send('/work')
  await flush()
  for (const [path, viaFetch, viaHttp] of [['/fine', true, false], ['/missing', true, true], ['/broken', false, false], ['/cut', false, false]] as const) {
    for (const [client, success] of [['fetch', viaFetch], ['http', viaHttp]] as const) {
      t.match(emulator.items({ type: 'dependency', data: `${url}${path}?client=${client}` }), [{ success }], `${path} ${client}`)
    }
  }
  t.strictSame(asked.sort(), ['/broken', '/fine', '/missing'].flatMap(path => ['fetch', 'http'].map(client => `GET ${path}?client=${client} ${path === '/fine' ? 200 : path === '/missing' ? 404 : 500}`)))
  await app.close()
  const failed = emulator.items({ type: 'metric' }).filter(({ customDimensions }) => customDimensions?.['_MS.MetricId'] === 'dependencies/duration' && customDimensions['dependency/target'] === host && customDimensions['Dependency.Success'] === 'False')
  t.equal(failed.reduce((sum, { valueCount }) => sum + valueCount!, 0), 5)
})

t.test('a dependencies.success function that fails or returns no boolean is reported once, and the default applies', async t => {
  const { url } = await callee(t)
  const lines = sink()
  const unsound = [() => { throw new Error('not mine') }, () => undefined, async () => true, async () => { throw new Error('later') }, () => 1]
  for (const success of unsound) {
    const { send, emulator, app } = await start(t, {
      server: { logger: { level: 'warn', stream: lines } },
      options: { dependencies: { success: success as unknown as () => boolean } },
      routes: app => { app.get('/work', async () => { for (const path of ['/fine', '/missing']) await text(url + path) }) }
    })
    t.equal((await send('/work')).status, 200)
    await app.close()
    t.strictSame(emulator.items({ type: 'dependency' }).map(({ name, success }) => [name, success]), [['GET /fine', true], ['GET /missing', false]], String(success))
  }
  t.equal(lines.lines.filter(line => line.includes('dependencies.success')).length, unsound.length)
})

t.test('telemetry sent to the endpoint is not a dependency; anything else is, however similar its address', async t => {
  // Ports with the same first digits: one of them is the endpoint's.
  const seen: string[] = []
  const listen = async (port: number): Promise<Server> => {
    const server = createServer((request, response) => {
      seen.push(request.url!)
      request.resume().on('end', () => response.end('{}'))
    }).listen(port, '127.0.0.1')
    await once(server, 'listening')
    t.teardown(() => {
      server.closeAllConnections()
      server.close()
    })
    return server
  }
  let pair: [number, number] | undefined
  for (let port = 3_100; port < 6_500 && pair === undefined; port += 7) {
    try {
      await listen(port)
      await listen(port * 10)
      pair = [port, port * 10]
    } catch {
      // Something else is using one of the ports.
    }
  }
  const [short, long] = pair!
  const calls = [
    `http://127.0.0.1:${long}/v2.1/track`, `http://127.0.0.1:${short}/`, `http://127.0.0.1:${short}/ai`, `http://127.0.0.1:${short}/air/v2.1/track`,
    `http://127.0.0.1:${short}/v2.1/track`, `http://127.0.0.1:${short}/ai/v2.1/tracks`
  ]
  const own = [`http://127.0.0.1:${short}/ai/v2.1/track`, `http://127.0.0.1:${short}/ai/v2/track?from=another-sdk`]
  const spans: string[] = []
  const app = fastify()
  t.teardown(async () => await app.close())
  await app.register(appInsightsPlugin, {
    connectionString: `InstrumentationKey=00000000-0000-0000-0000-000000000000;IngestionEndpoint=http://127.0.0.1:${short}/ai/`,
    storageDirectory: false,
    logs: false,
    closeTimeout: 0,
    spanProcessors: [{ onStart () {}, onEnd: span => { spans.push(String(span.attributes['url.full'])) }, async forceFlush () {}, async shutdown () {} }]
  })
  await app.ready()
  for (const url of [...calls, ...own]) {
    await text(`${url}${url.includes('?') ? '&' : '?'}client=fetch`)
    await viaHttp(`${url}${url.includes('?') ? '&' : '?'}client=http`)
  }
  t.strictSame(spans, calls.flatMap(url => [`${url}?client=fetch`, `${url}?client=http`]))
  t.ok(seen.length >= (calls.length + own.length) * 2)
})

t.test('dependencies: false makes no rows and sets no headers', async t => {
  const { url, seen } = await callee(t)
  const { send, emulator, flush } = await gateway(t, async () => {
    await text(`${url}/fetch`)
    await viaHttp(`${url}/http`)
  }, { dependencies: false })
  await send('/work')
  await flush()
  t.equal(emulator.items({ type: 'dependency' }).length, 0)
  t.strictSame(seen.map(({ headers }) => headers.traceparent), [undefined, undefined])
})

t.test('headers given as an array cannot take the trace context, but the call is a row', async t => {
  const { url, host, seen } = await callee(t)
  const { send, emulator, flush } = await gateway(t, async () => await viaHttp(`${url}/array`, ['Host', host]))
  await send('/work')
  await flush()
  t.match(emulator.items({ type: 'dependency' }), [{ data: `${url}/array`, resultCode: '200', success: true, operation_Name: 'GET /work' }])
  t.equal(seen[0]!.headers.traceparent, undefined)
})

t.test('a call that the app or an instrumentation has traced is not traced twice, in operations and outside', async t => {
  const { url, seen } = await callee(t)
  const traced = async (call: (headers: { traceparent: string }) => Promise<unknown>): Promise<void> => {
    const span = trace.getTracer('instrumentation').startSpan('traced', { kind: SpanKind.CLIENT })
    const { traceId, spanId } = span.spanContext()
    await call({ traceparent: `00-${traceId}-${spanId}-01` })
    span.end()
  }
  const work = async (): Promise<void> => {
    await traced(async headers => await (await fetch(`${url}/fetch`, { headers })).text())
    await traced(async headers => await viaHttp(`${url}/http`, headers))
  }
  const { send, emulator, flush } = await gateway(t, work)
  await send('/work')
  await work()
  await flush()
  t.strictSame(emulator.items({ type: 'dependency' }).map(row => [row.name, row.operation_Name]), [['traced', 'GET /work'], ['traced', 'GET /work'], ['traced', undefined], ['traced', undefined]])
  t.equal(seen.length, 4)
})

t.test('a call into which the app injects the trace context of its request or of its own span is a row, and the parent of its callee', async t => {
  const { url, seen } = await callee(t)
  const { send, emulator, flush } = await gateway(t, async app => {
    const injected = (): Record<string, string> => {
      const headers = {}
      propagation.inject(context.active(), headers)
      return headers
    }
    await (await fetch(`${url}/1`, { headers: injected() })).text()
    await viaHttp(`${url}/2`, injected())
    await app.appInsights.tracer.startActiveSpan('own', async span => {
      await (await fetch(`${url}/3`, { headers: injected() })).text()
      await viaHttp(`${url}/4`, injected())
      span.end()
    })
  })
  await send('/work')
  await flush()
  const calls = emulator.items({ type: 'dependency', dependencyType: 'Http' })
  t.strictSame(seen.map(({ url, headers }) => [url, headers.traceparent]), calls.map(row => [new URL(row.data!).pathname, `00-${row.operation_Id}-${row.id}-01`]))
  t.equal(calls.length, 4)
})

t.test("a call that a tracer other than OpenTelemetry's has put its trace context into is a row, and keeps that context", async t => {
  const { url, seen } = await callee(t)
  const { send, emulator, flush } = await start(t, {
    routes: app => {
      app.get('/work', async request => {
        // Datadog's, New Relic's and Elastic's agents continue the trace of the caller, as we do.
        const traceparent = (request.headers.traceparent as string).replace('b7ad6b7169203331', 'dddddddddddddddd')
        await (await fetch(`${url}/fetch`, { headers: { traceparent } })).text()
        await viaHttp(`${url}/http`, { traceparent })
      })
    }
  })
  await send('/work', { headers: { traceparent: '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01' } })
  await flush()
  t.match(emulator.items({ type: 'dependency', operation_Name: 'GET /work' }), ['/fetch', '/http'].map(path => ({ data: url + path, operation_Id: '0af7651916cd43dd8448eb211c80319c' })))
  t.strictSame(seen.map(({ headers }) => headers.traceparent), Array(2).fill('00-0af7651916cd43dd8448eb211c80319c-dddddddddddddddd-01'))
})

t.test("user, session, properties and the operation name are on calls and on the app's spans, and on their exceptions", async t => {
  const { url } = await callee(t)
  const { send, emulator, flush } = await start(t, {
    options: { properties: { deploymentName: 'test' } },
    routes: app => {
      app.get('/users/:id', async request => {
        request.appInsights.setUser('ada')
        request.appInsights.setSession('s1')
        request.appInsights.set('tenant', 'north')
        const error = new RangeError('out of books')
        await app.appInsights.tracer.startActiveSpan('compute', async span => {
          await text(`${url}/inner`)
          span.addEvent('half way', { share: 0.5 })
          span.recordException(error)
          span.setStatus({ code: SpanStatusCode.ERROR })
          span.end()
        })
        throw error
      })
    }
  })
  const response = await send('/users/7')
  t.equal(response.status, 500)
  await flush()
  const common = {
    operation_Name: 'GET /users/:id', user_AuthenticatedId: 'ada', session_Id: 's1', customDimensions: { tenant: 'north', deploymentName: 'test' }
  }
  const [request] = emulator.items({ type: 'request' })
  const span = await emulator.waitFor({ type: 'dependency', name: 'compute' })
  t.match(span, { ...common, dependencyType: 'InProc', success: false, operation_ParentId: request!.id })
  t.match(await emulator.waitFor({ type: 'dependency', name: 'GET /inner' }), { ...common, operation_ParentId: span.id })
  t.match(await emulator.waitFor({ type: 'trace', message: 'half way' }), { ...common, operation_ParentId: span.id, customDimensions: { share: '0.5' } })
  const exceptions = emulator.items({ type: 'exception' })
  t.equal(exceptions.length, 1, 'recorded, thrown and logged: one row')
  t.match(exceptions[0], { ...common, exceptionType: 'RangeError', outerMessage: 'out of books', operation_ParentId: span.id, severityLevel: 3 })
  for (const row of emulator.items({ operation_Id: request!.operation_Id })) t.equal(row.operation_Name, 'GET /users/:id', row.type)
})

t.test('two apps in one process: each reports its own calls', async t => {
  const { url } = await callee(t)
  const first = await gateway(t, async () => {
    await text(`${url}/first?fetch`)
    await viaHttp(`${url}/first?http`)
  })
  const second = await gateway(t, async () => {
    await text(`${url}/second?fetch`)
    await viaHttp(`${url}/second?http`)
  })
  await Promise.all([first.send('/work'), second.send('/work')])
  await first.app.close()
  await second.send('/work')
  await second.flush()
  const names = ({ emulator }: Started): string[] => emulator.items({ type: 'dependency' }).map(({ name }) => name)
  t.strictSame(names(first), ['GET /first', 'GET /first'])
  t.strictSame(names(second), Array(4).fill('GET /second'))
})

t.test('a call outside any operation is a row of its own', async t => {
  const { url } = await callee(t)
  const { app, emulator, flush } = await gateway(t, async () => {})
  await text(`${url}/started`)
  await flush()
  t.match(emulator.items({ type: 'dependency' }), [{ name: 'GET /started', success: true }])
  await app.close()
})

for (const worker of [true, false]) {
  t.test(`the plugin's own traffic is not a dependency, with worker: ${worker} and a credential`, async t => {
    const { url } = await callee(t)
    const { send, emulator, flush, app } = await gateway(t, async () => await text(`${url}/theirs`), {
      worker,
      // Requested through node:http, as the Azure SDKs do.
      credential: {
        getToken: async () => {
          await viaHttp(`${url}/token`)
          return { token: 'token', expiresOnTimestamp: Date.now() + 3_600_000 }
        }
      }
    })
    await send('/work')
    await flush()
    await send('/work')
    await app.close()
    t.strictSame(emulator.items({ type: 'dependency' }).map(({ name }) => name), ['GET /theirs', 'GET /theirs'])
  })
}

t.test('after the last app has closed, node:http is restored', async t => {
  const { ClientRequest } = await import('node:http')
  const before = Object.getOwnPropertyDescriptor(ClientRequest.prototype, '_implicitHeader')!.value as unknown
  const app = fastify()
  await app.register(appInsightsPlugin, { connectionString: 'InstrumentationKey=00000000-0000-0000-0000-000000000000;IngestionEndpoint=http://127.0.0.1:1', storageDirectory: false, logs: false, closeTimeout: 0 })
  await app.ready()
  await app.close()
  t.equal((ClientRequest.prototype as unknown as { _implicitHeader: unknown })._implicitHeader, before)
})
