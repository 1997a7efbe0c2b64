import assert from 'node:assert/strict'
import { afterEach, beforeEach, test } from 'node:test'
import { startEmulator } from 'fastify-app-insights/emulator'
import { buildApp } from './app.mjs'

let emulator
let app

beforeEach(async () => {
  emulator = await startEmulator()
  app = buildApp({ connectionString: emulator.connectionString, storageDirectory: false })
})

afterEach(async () => {
  await app.close()
  await emulator.close()
})

test('an order is a request, a log line and an event of one operation', async () => {
  await app.inject({ method: 'POST', url: '/orders', payload: { bookId: '2', quantity: 3 } })

  const request = await emulator.waitFor({ type: 'request', name: 'POST /orders' })
  assert.equal(request.resultCode, '201')

  const operation = { operation_Id: request.operation_Id }
  const trace = await emulator.waitFor({ type: 'trace', ...operation, message: 'order placed' })
  assert.equal(trace.customDimensions.bookId, '2')
  const event = await emulator.waitFor({ type: 'event', ...operation })
  assert.equal(event.customMeasurements.quantity, 3)
})

test('an order that fails is one exception', async () => {
  await app.inject({ method: 'POST', url: '/orders', payload: { bookId: '2', quantity: 30 } })

  // After flush(), everything recorded so far has arrived and can be counted.
  await app.appInsights.flush()
  const exceptions = emulator.items({ type: 'exception' })
  assert.equal(exceptions.length, 1)
  assert.equal(exceptions[0].outerMessage, 'not so many left')
  assert.equal(exceptions[0].operation_Name, 'POST /orders')
})
