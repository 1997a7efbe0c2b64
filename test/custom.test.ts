import { trace } from '@opentelemetry/api'
import t from 'tap'
import { start } from './fixtures/start'

t.test('a startSpan span is part of the request, and ends or fails with the work inside it', async t => {
  const { send, emulator, flush } = await start(t, {
    routes: app => {
      app.get('/report', async request => {
        const sum = await request.appInsights.startSpan('sum', async span => {
          span.setAttribute('rows', 3)
          return await request.appInsights.startSpan('inner', async () => 6)
        })
        const open = request.appInsights.startSpan('open')
        open.end()
        try {
          request.appInsights.startSpan('fails', () => { throw new Error('caught') })
        } catch {}
        return { sum }
      })
    }
  })
  t.same(await (await send('/report')).json(), { sum: 6 })
  await flush()
  const [request] = emulator.items({ type: 'request' })
  const [sum] = emulator.items({ type: 'dependency', name: 'sum' })
  const common = { operation_Id: request!.operation_Id, operation_Name: 'GET /report', dependencyType: 'InProc' }
  t.match(sum, { ...common, operation_ParentId: request!.id, success: true, customDimensions: { rows: '3' } })
  t.match(emulator.items({ type: 'dependency', name: 'inner' }), [{ ...common, operation_ParentId: sum!.id }])
  t.match(emulator.items({ type: 'dependency', name: 'open' }), [{ ...common, operation_ParentId: request!.id }])
  t.match(emulator.items({ type: 'dependency', name: 'fails' }), [{ ...common, success: false }])
  t.equal(emulator.items({ type: 'exception' }).length, 0, 'what the app has caught is its own affair')
})

t.test('plain OpenTelemetry spans, from either tracer, are part of the operation', async t => {
  const { send, emulator, flush } = await start(t, {
    routes: app => {
      app.get('/report', async () => {
        app.appInsights.tracer.startActiveSpan('ours', outer => {
          trace.getTracer('app').startActiveSpan('global', inner => inner.end())
          outer.end()
        })
      })
    }
  })
  await send('/report')
  await flush()
  const [request] = emulator.items({ type: 'request' })
  const [ours] = emulator.items({ type: 'dependency', name: 'ours' })
  t.match(ours, { operation_ParentId: request!.id, operation_Name: 'GET /report', dependencyType: 'InProc' })
  t.match(emulator.items({ type: 'dependency', name: 'global' }), [{ operation_ParentId: ours!.id, operation_Name: 'GET /report', dependencyType: 'InProc' }])
})

t.test('a background operation has its own id, name and rows', async t => {
  const { app, send, emulator, flush } = await start(t, {
    options: { properties: { deploymentName: 'test' } },
    routes: app => {
      app.post('/orders', async request => {
        // Nobody awaits it.
        void app.appInsights.operation('mail order', async operation => {
          operation.setUser('ada')
          app.log.info('mailing')
          app.appInsights.tracer.startActiveSpan('render', span => span.end())
          operation.trackEvent('OrderMailed')
        })
        return { id: request.id }
      })
    }
  })
  await send('/orders', { method: 'POST' })
  await flush()
  const job = await emulator.waitFor({ type: 'request', name: 'mail order' })
  const request = await emulator.waitFor({ type: 'request', name: 'POST /orders' })
  t.match(job, { success: true, resultCode: '0', operation_Name: 'mail order', user_AuthenticatedId: 'ada', customDimensions: { deploymentName: 'test' } })
  t.not(job.operation_Id, request.operation_Id)
  t.match(job.customDimensions['_MS.links'], request.operation_Id!, 'what started it is linked')
  const common = { operation_Id: job.operation_Id, operation_Name: 'mail order', operation_ParentId: job.id, user_AuthenticatedId: 'ada' }
  t.match(emulator.items({ type: 'trace', message: 'mailing' }), [common])
  t.match(emulator.items({ type: 'dependency', name: 'render' }), [common])
  t.match(emulator.items({ type: 'event', name: 'OrderMailed' }), [common])
  t.equal(app.appInsights.operation('sync', () => 7), 7)
})

t.test('an error in a background operation is one exception and a failed row, and is rethrown', async t => {
  const { app, emulator, flush } = await start(t)
  const error = new RangeError('no paper')
  await t.rejects(app.appInsights.operation('print', async () => {
    app.log.error(error, 'printing failed')
    throw error
  }), error)
  t.throws(() => app.appInsights.operation('print now', () => { throw new TypeError('no ink') }), { message: 'no ink' })
  await flush()
  t.match(emulator.items({ type: 'request' }), [{ name: 'print', success: false }, { name: 'print now', success: false }])
  t.match(emulator.items({ type: 'exception' }).sort((a, b) => a.outerMessage.localeCompare(b.outerMessage)), [
    { outerMessage: 'no ink', operation_Name: 'print now' }, { outerMessage: 'no paper', operation_Name: 'print', customDimensions: { logMessage: 'printing failed' } }
  ])
  t.equal(emulator.items({ type: 'exception' }).length, 2)
})

t.test('a query that only starts when it is awaited, as with knex, Prisma or Mongoose, is part of the work that returns it', async t => {
  const { app, send, emulator, flush, url } = await start(t, {
    routes: app => {
      app.get('/books', async () => 'books')
      app.get('/report', async request => await request.appInsights.startSpan('step', () => query('?of-a-span')))
    }
  })
  // An object that is not a promise, but can be awaited.
  function query (search: string): Promise<string> {
    const lazy: Pick<Promise<string>, 'then'> = {
      then: async (done, failed) => await fetch(`${url}/books${search}`).then(async response => await response.text()).then(done, failed)
    }
    return lazy as Promise<string>
  }
  t.equal(await (await send('/report')).text(), 'books')
  t.equal(await app.appInsights.operation('nightly', () => query('?of-a-job')), 'books')
  await flush()
  const [step] = emulator.items({ type: 'dependency', name: 'step' })
  const [job] = emulator.items({ type: 'request', name: 'nightly' })
  t.match(emulator.items({ type: 'dependency', data: `${url}/books?of-a-span` }), [{ operation_Name: 'GET /report', operation_ParentId: step!.id }])
  t.match(emulator.items({ type: 'dependency', data: `${url}/books?of-a-job` }), [{ operation_Name: 'nightly', operation_ParentId: job!.id }])
})

t.test('a background operation is sampled like a request, and kept if it fails', async t => {
  const { app, emulator, flush } = await start(t, { options: { samplingRatio: 0, keepErrors: true } })
  app.appInsights.operation('fine', () => app.log.info('fine'))
  try {
    app.appInsights.operation('failing', () => {
      app.log.info('failing')
      throw new Error('failed')
    })
  } catch {}
  await flush()
  t.match(emulator.items({ type: 'request' }), [{ name: 'failing', itemCount: 1 }])
  t.match(emulator.items(({ operation_Id: id }) => id !== undefined).map(({ type, operation_Name: name }) => [type, name]).sort(), [
    ['exception', 'failing'], ['request', 'failing'], ['trace', 'failing']
  ])
})

t.test('with enabled: false everything can be called and runs', async t => {
  const { app, send } = await start(t, {
    options: { enabled: false },
    routes: app => { app.get('/', async request => request.appInsights.startSpan('a', () => 'ran')) }
  })
  t.equal(await (await send('/')).text(), 'ran')
  t.equal(app.appInsights.operation('job', operation => {
    operation.set('a', 1)
    operation.startSpan('b').end()
    return 'ran'
  }), 'ran')
  app.appInsights.trackMetric('a', 1)
  app.appInsights.meter.createCounter('b').add(1)
})

t.test('Server-Timing tells a page its operation, and another origin only if the app allows it', async t => {
  const { send, emulator, flush } = await start(t, {
    options: { requests: { serverTiming: true } },
    routes: app => {
      app.get('/', async () => 'page')
      app.get('/own', async (_request, reply) => reply.header('server-timing', 'db;dur=53').send('page'))
      app.get('/cors', async (_request, reply) => reply.header('access-control-allow-origin', 'https://example.org').send('page'))
      app.get('/silent', { config: { appInsights: false } }, async () => 'page')
    }
  })
  const response = await send('/')
  await flush()
  const [request] = emulator.items({ type: 'request' })
  t.equal(response.headers.get('server-timing'), `traceparent;desc="00-${request!.operation_Id}-${request!.id}-01"`)
  t.equal(response.headers.get('timing-allow-origin'), null)
  t.match((await send('/own')).headers.get('server-timing'), /^db;dur=53, traceparent;desc="00-/)
  t.equal((await send('/cors')).headers.get('timing-allow-origin'), 'https://example.org')
  t.equal((await send('/silent')).headers.get('server-timing'), null)
})
