/** One route for everything: the app names the operation, and clients can't flood the list of names. */
import type { FastifyInstance } from 'fastify'
import t from 'tap'
import { start } from '../fixtures/start'

const methods: Record<string, (params: unknown) => unknown> = {
  add: params => (params as number[]).reduce((sum, each) => sum + each, 0),
  fail: () => { throw new Error('the method is broken') }
}

/** @param names how the app names a call */
function rpc (names: (method: string) => string | undefined) {
  return (app: FastifyInstance): void => {
    app.post('/rpc', async request => {
      const { id, method, params } = request.body as { id: number, method: string, params: unknown }
      const name = names(method)
      if (name !== undefined) request.appInsights.span.updateName(name)
      request.log.info('called')
      const call = Object.hasOwn(methods, method) ? methods[method] : undefined
      if (call === undefined) return { jsonrpc: '2.0', id, error: { code: -32601, message: 'no such method' } }
      try {
        return { jsonrpc: '2.0', id, result: call(params) }
      } catch (error) {
        request.appInsights.trackException(error)
        return { jsonrpc: '2.0', id, error: { code: -32603, message: 'internal error' } }
      }
    })
  }
}

t.test("JSON-RPC: the request's row, its later rows and the metric have the name from the app", async t => {
  const { app, emulator } = await start(t, { routes: rpc(method => Object.hasOwn(methods, method) ? `rpc ${method}` : undefined) })
  for (const method of ['add', 'fail', 'invented']) await app.inject({ method: 'POST', url: '/rpc', payload: { jsonrpc: '2.0', id: 1, method, params: [1, 2] } })
  await app.close()
  const names = ['rpc add', 'rpc fail', 'POST /rpc']
  const requests = emulator.items({ type: 'request' })
  t.same(requests.map(row => row.name), names, 'requests')
  t.same(requests.map(row => row.operation_Name), names, 'operations')
  t.same(emulator.items({ message: 'called' }).map(row => row.operation_Name), names, 'lines')
  t.match(emulator.items({ type: 'exception' }), [{ outerMessage: 'the method is broken', operation_Id: requests[1]!.operation_Id }])
  t.same(emulator.items({ type: 'exception' }).map(row => row.operation_Name), ['rpc fail'], 'exceptions')
  t.same(emulator.items({ type: 'metric', name: 'http.server.request.duration' }).map(row => row.customDimensions['http.route']).sort(), ['/rpc', 'rpc add', 'rpc fail'], 'metric')
})

t.test('names invented by clients are bounded', async t => {
  const { app, emulator } = await start(t, { routes: rpc(method => method), options: { maxQueueSize: 10_000, closeTimeout: 30_000 } })
  for (let n = 0; n < 2_000; n++) await app.inject({ method: 'POST', url: '/rpc', payload: { jsonrpc: '2.0', id: n, method: `invented-${n}`, params: [] } })
  await app.close()
  const requests = emulator.items({ type: 'request' })
  t.equal(requests.length, 2_000)
  t.ok(new Set(requests.map(row => row.operation_Name)).size <= 501, 'most have the name of their route')
})
