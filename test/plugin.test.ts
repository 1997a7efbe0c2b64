import t from 'tap'
import { start } from './fixtures/start'

t.test('a request and its log line are two rows of one operation', async t => {
  const { emulator, send, url } = await start(t, {
    routes: app => {
      app.get('/users/:id', async request => {
        request.log.info({ userId: '42' }, 'user read')
        return { id: '42' }
      })
    }
  })
  await send('/users/42?plan=pro')

  const request = await emulator.waitFor({ type: 'request' })
  t.match(request, {
    name: 'GET /users/:id',
    url: `${url}/users/42?plan=pro`,
    resultCode: '200',
    success: true,
    operation_Name: 'GET /users/:id'
  })
  t.ok(request.duration > 0 && request.duration < 60_000, 'the duration is a number of milliseconds')

  const trace = await emulator.waitFor({ type: 'trace', message: 'user read' })
  t.match(trace, {
    severityLevel: 1,
    customDimensions: { userId: '42', reqId: /req-/ },
    operation_Id: request.operation_Id,
    operation_ParentId: request.id,
    operation_Name: 'GET /users/:id'
  })
  t.equal(emulator.items({ type: 'trace', operation_Id: request.operation_Id }).length, 1, "Fastify's own two lines are not sent")
})

t.test('a handler that throws makes a failed request and exactly one exception', async t => {
  const { emulator, send, app } = await start(t, {
    routes: app => {
      app.get('/boom', async () => { throw new TypeError('it broke') })
    }
  })
  await send('/boom')

  const request = await emulator.waitFor({ type: 'request' })
  t.match(request, { name: 'GET /boom', resultCode: '500', success: false })
  await app.close()
  const exceptions = emulator.items({ type: 'exception' })
  t.equal(exceptions.length, 1)
  t.match(exceptions[0], {
    exceptionType: 'TypeError',
    outerMessage: 'it broke',
    severityLevel: 3,
    operation_Id: request.operation_Id,
    operation_ParentId: request.id,
    operation_Name: 'GET /boom',
    customDimensions: { logMessage: 'it broke' }
  })
  t.match(exceptions[0]!.details[0], { hasFullStack: true, stack: /TypeError: it broke\n {4}at / })
})
