import t from 'tap'
import type { AvailabilityResult } from 'fastify-app-insights'
import { start } from './fixtures/start'

t.test('a custom check is a row of availabilityResults, tied to its operation', async t => {
  const { app, emulator, flush } = await start(t, { options: { properties: { deploymentName: 'blue' } } })
  await app.appInsights.operation('check payment', async () => {
    app.appInsights.trackAvailability({
      name: 'payment',
      success: false,
      duration: 61_234.5,
      id: 'check-1',
      runLocation: 'westeurope',
      message: 'HTTP 503 from https://pay.example.org/?token=hunter2',
      properties: { step: 'authorize' },
      measurements: { attempts: 3 }
    })
  })
  await flush()
  const [request] = emulator.items({ type: 'request' })
  const [row] = emulator.items({ type: 'availability' })
  t.match(row, {
    name: 'payment',
    success: false,
    duration: 61_234.5,
    id: 'check-1',
    location: 'westeurope',
    message: /^HTTP 503/,
    operation_Id: request!.operation_Id,
    operation_ParentId: request!.id,
    operation_Name: 'check payment',
    itemCount: 1,
    customDimensions: { step: 'authorize', deploymentName: 'blue' },
    customMeasurements: { attempts: 3 }
  })
  t.notMatch(JSON.stringify(row!.envelope), 'hunter2', 'secrets of its message are replaced')
  const { rows } = await emulator.query('availabilityResults | project name, success, location, duration, itemType')
  t.same(rows, [['payment', 'False', 'westeurope', 61_234.5, 'availabilityResult']])
})

t.test('it needs only name, success and duration, and sampling neither drops nor multiplies it', async t => {
  const { app, emulator, flush, send } = await start(t, {
    options: { samplingRatio: 0.2 },
    routes: app => {
      app.get('/check', async () => { app.appInsights.trackAvailability({ name: 'disk', success: true, duration: 0.5 }) })
    }
  })
  for (let i = 0; i < 20; i++) await send('/check')
  app.appInsights.trackAvailability({ name: 'outside of any operation', success: true, duration: 86_400_000 })
  await flush()
  const rows = emulator.items({ type: 'availability', name: 'disk' })
  t.equal(rows.length, 20)
  t.ok(rows.every(row => row.itemCount === 1 && row.success && row.duration === 0.5))
  t.equal(new Set(rows.map(({ id }) => id)).size, 20, 'each has an id')
  t.ok(rows.every(row => row.location !== undefined && row.location === row.cloud_RoleInstance), 'the instance is the place')
  t.match(emulator.items({ type: 'availability', name: 'outside of any operation' }), [{ duration: 86_399_999 }])
  t.equal(app.appInsights.stats().customEvents.recorded, 21)
})

t.test('it accepts anything, and does nothing if telemetry is off', async t => {
  const { app, emulator, flush } = await start(t)
  const hostile = new Proxy({}, { get () { throw new Error('no') } })
  for (const given of [undefined, null, 5, 'text', hostile, { name: Symbol('x'), success: 'yes', duration: NaN, message: { toString () { throw new Error('no') } } }, { name: 'x'.repeat(2_000), id: 'y'.repeat(100), success: true, duration: -1 }]) {
    t.doesNotThrow(() => app.appInsights.trackAvailability(given as AvailabilityResult))
  }
  await flush()
  t.equal(emulator.items({ type: 'availability' }).length, 7)
  t.equal(emulator.refused.length, 0, 'Azure would take every one of them')
  const off = await start(t, { options: { enabled: false } })
  t.doesNotThrow(() => off.app.appInsights.trackAvailability({ name: 'payment', success: true, duration: 1 }))
  await off.flush()
  t.equal(off.emulator.items().length, 0)
})
