/** winston and bunyan write through OpenTelemetry's logs API: their lines are rows of the operation. */
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { startEmulator } from 'fastify-app-insights/emulator'
import t from 'tap'
import { plainNode } from '../fixtures/plain-node'
import { temporary } from '../fixtures/telemetry'

const root = join(__dirname, '..', '..')

/** A separate program: loggers and their instrumentations are global. */
const PROGRAM = (logger: string, instrumentations: string): string => `
${logger}
const createFastify = require('fastify')
const appInsights = require('fastify-app-insights')
const app = createFastify({ logger: false })
app.register(appInsights, { connectionString: process.env.CONNECTION, logs: false, storageDirectory: false${instrumentations} })
app.get('/orders/:id', async request => {
  createLogger().warn(...line(request.params.id))
  return 'ok'
})
app.inject('/orders/42').then(() => app.close())
`

const WINSTON = `
const winston = require('winston')
const { OpenTelemetryTransportV3 } = require('@opentelemetry/winston-transport')
const createLogger = () => winston.createLogger({ transports: [new OpenTelemetryTransportV3()] })
const line = orderId => ['stock is low', { orderId, token: 'x', url: 'https://example.org/?sig=hunter2' }]
`

const BUNYAN = `
const { BunyanInstrumentation } = require('@opentelemetry/instrumentation-bunyan')
const createLogger = () => require('bunyan').createLogger({ name: 'shop' })
const line = orderId => [{ orderId, url: 'https://example.org/?sig=hunter2' }, 'stock is low']
`

for (const [name, logger, instrumentations] of [['winston, with its transport', WINSTON, ''], ['bunyan, with its instrumentation', BUNYAN, ', instrumentations: [new BunyanInstrumentation()]']] as const) {
  t.test(name, async t => {
    const emulator = await startEmulator()
    t.teardown(async () => await emulator.close())
    // Next to this repository's packages, so that require() finds them.
    const file = join(temporary(t), 'app.cjs')
    writeFileSync(file, `require = require('node:module').createRequire(${JSON.stringify(join(root, 'package.json'))})\n${PROGRAM(logger, instrumentations)}`)
    const { code, stderr } = await plainNode([file], { CONNECTION: emulator.connectionString })
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
