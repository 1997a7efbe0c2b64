/** winston and bunyan write through OpenTelemetry's logs API: their lines are rows of the operation. */
import { join } from 'node:path'
import { startEmulator } from 'fastify-app-insights/emulator'
import t from 'tap'
import { plainNode } from '../fixtures/plain-node'

for (const [name, logger] of [['winston, with its transport', 'winston'], ['bunyan, with its instrumentation', 'bunyan']] as const) {
  t.test(name, async t => {
    const emulator = await startEmulator()
    t.teardown(async () => await emulator.close())
    const { code, stderr } = await plainNode([join(__dirname, '../fixtures/other-loggers.cjs'), logger], { CONNECTION: emulator.connectionString })
    t.equal(code, 0, stderr)
    const [request] = emulator.items({ type: 'request' })
    const rows = emulator.items({ type: 'trace' })
    t.match(rows, [{
      message: 'stock is low', severityLevel: 2, operation_Id: request!.operation_Id, operation_Name: 'GET /orders/:id', customDimensions: { orderId: '42' }
    }])
    t.equal(rows.length, 1, 'one row')
    t.notMatch(JSON.stringify(rows[0]!.envelope), 'hunter2', 'secrets in urls are replaced')
  })
}
