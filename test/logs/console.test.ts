import { formatWithOptions } from 'node:util'
import { runInNewContext } from 'node:vm'
import t, { type Test } from 'tap'
import { start } from '../fixtures/start'

/** Silences this process's console for a while and captures what was written. */
function silence (t: Test): string[] {
  const written: string[] = []
  const methods = ['debug', 'log', 'info', 'warn', 'error'] as const
  for (const method of methods) {
    const before = console[method]
    console[method] = (...given: unknown[]) => { try { written.push(`${method} ${formatWithOptions({}, ...given)}`) } catch {} }
    t.teardown(() => { console[method] = before })
  }
  return written
}

t.test('console methods add rows to the active operation, and still write', async t => {
  const written = silence(t)
  const { app, emulator, send, flush } = await start(t, {
    options: { logs: { console: true }, properties: { deploymentName: 'blue' } },
    routes: app => {
      app.get('/orders/:id', async request => {
        console.log('order %d of', 42, { user: 'ada' })
        console.warn('slow')
        console.debug('details')
        console.error('no luck at https://example.org/?token=hunter2')
        console.info()
        request.log.info('a line of pino')
      })
    }
  })
  await send('/orders/42')
  console.log('outside')
  await flush()
  const [request] = emulator.items({ type: 'request' })
  const rows = emulator.items({ type: 'trace', message: /^(?!Server listening)/ })
  const operation = { operation_Id: request!.operation_Id, operation_ParentId: request!.id, operation_Name: 'GET /orders/:id' }
  const common = { customDimensions: { logger: 'console', deploymentName: 'blue' } }
  t.match(rows, [
    { message: "order 42 of { user: 'ada' }", severityLevel: 1, ...operation, ...common },
    { message: 'slow', severityLevel: 2, ...operation, ...common },
    { message: 'details', severityLevel: 0, ...operation, ...common },
    { message: /^no luck at https:\/\/example\.org\/\?token=REDACTED/, severityLevel: 3, ...operation, ...common },
    { message: 'a line of pino', ...operation },
    { message: 'outside', ...common }
  ])
  t.equal(rows.length, 6, 'each once, an empty line not at all')
  t.equal(written.length, 6)
  t.match(written[0], "log order 42 of { user: 'ada' }")
  await app.close()
  console.log('after the end')
  t.equal(written.length, 7)
  t.equal(emulator.items({ type: 'trace', message: 'after the end' }).length, 0)
})

t.test('an error passed to console.error is one exception, however often it is seen', async t => {
  silence(t)
  const { emulator, send, flush } = await start(t, {
    options: { logs: { console: true } },
    routes: app => {
      app.get('/broken', async request => {
        const error = new RangeError('out of stock')
        console.error('Order failed:', error)
        request.log.error(error)
        console.warn(new Error('only a warning'))
        throw error
      })
      // Such as Node's own errors in Jest's sandbox.
      app.get('/realm', async () => { console.error(runInNewContext('new TypeError("from another realm")')) })
    }
  })
  await send('/broken')
  await flush()
  t.match(emulator.items({ type: 'exception' }), [{ exceptionType: 'RangeError', operation_Name: 'GET /broken', customDimensions: { logger: 'console', logMessage: 'Order failed: out of stock' } }])
  t.equal(emulator.items({ type: 'exception' }).length, 1)
  t.match(emulator.items({ type: 'trace', severityLevel: 2 }), [{ message: /Error: only a warning/ }])

  await send('/realm')
  await flush()
  t.match(emulator.items({ type: 'exception', operation_Name: 'GET /realm' }), [{ exceptionType: 'TypeError', outerMessage: 'from another realm' }])
})

t.test('the console is left alone by default and for silent routes; a destination that writes to it causes no rows', async t => {
  const written = silence(t)
  const plain = console.log
  const off = await start(t, { routes: app => { app.get('/a', async () => { console.log('a') }) } })
  t.equal(console.log, plain)
  await off.send('/a')
  await off.flush()
  t.equal(off.emulator.items({ type: 'trace', message: 'a' }).length, 0)

  const { emulator, send, flush } = await start(t, {
    options: {
      logs: { console: true },
      logRecordProcessors: [{ onEmit: record => console.log('destination has', record.body), async forceFlush () {}, async shutdown () {} }]
    },
    routes: app => {
      app.get('/silent', { config: { appInsights: false } }, async () => { console.log('not to be sent') })
      app.get('/heard', async () => { console.log('to be sent') })
    }
  })
  await send('/silent')
  await send('/heard')
  await flush()
  t.same(emulator.items({ type: 'trace', message: /sent/ }).map(({ message }) => message), ['to be sent'])
  t.ok(written.includes('log destination has to be sent'))
})

t.test('methods replaced in the meantime stay replaced, and hostile values do no harm', async t => {
  silence(t)
  const { app, emulator, flush } = await start(t, { options: { logs: { console: true } } })
  const theirs = (): void => {}
  console.info = theirs
  const hostile = { get [Symbol.toStringTag] (): string { throw new Error('no') }, toString () { throw new Error('no') } }
  t.doesNotThrow(() => console.log('before', new Proxy({}, { get () { throw new Error('no') } })))
  t.doesNotThrow(() => console.error(Object.create(Error.prototype, { message: { get () { throw new Error('no') } } })))
  t.doesNotThrow(() => console.warn(hostile))
  console.log('after')
  await flush()
  t.equal(emulator.items({ type: 'trace', message: 'after' }).length, 1)
  await app.close()
  t.equal(console.info, theirs)
})

t.test('with two apps in a process, a line is a row in only one of them', async t => {
  silence(t)
  const [one, other] = [await start(t, { options: { logs: { console: true } }, routes: app => { app.get('/', async () => { console.log('in one') }) } }),
    await start(t, { options: { logs: { console: true } }, routes: app => { app.get('/', async () => { console.log('in the other') }) } })]
  const none = await start(t, { routes: app => { app.get('/', async () => { console.log('in none') }) } })
  for (const { send } of [one, other, none]) await send('/')
  console.log('outside')
  await one.app.close()
  await other.send('/')
  console.log('still outside')
  await other.flush()
  const lines = ({ emulator }: typeof one): string[] => emulator.items({ type: 'trace', customDimensions: { logger: 'console' } }).map(({ message }) => message)
  t.same(lines(one), ['in one', 'outside'])
  t.same(lines(other), ['in the other', 'in the other', 'still outside'])
  t.same(lines(none), [])
})
