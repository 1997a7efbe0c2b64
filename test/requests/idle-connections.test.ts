/** A kept-alive connection remembers the async context of its last request: what that context holds is in memory for as long as the connection is idle. */
import { execFile } from 'node:child_process'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { startEmulator } from 'fastify-app-insights/emulator'
import t from 'tap'

const program = join(__dirname, '../fixtures/idle-connections.cjs')

for (const options of [{}, { metrics: false, liveMetrics: false }, { samplingRatio: 0 }, { samplingRatio: 0, metrics: false, liveMetrics: false }, { keepErrors: false }, { dependencies: false, logs: false }]) {
  t.test(`an idle connection keeps nothing of its last request: ${JSON.stringify(options)}`, async t => {
    const emulator = await startEmulator()
    t.teardown(async () => await emulator.close())
    const { stdout } = await promisify(execFile)(process.execPath, ['--expose-gc', program, JSON.stringify(options)], {
      env: { PATH: process.env.PATH, APPLICATIONINSIGHTS_CONNECTION_STRING: emulator.connectionString }, timeout: 60_000
    })
    const alive = JSON.parse(stdout) as Record<string, number>
    t.equal(Object.keys(alive).length, 11)
    t.strictSame(alive, Object.fromEntries(Object.keys(alive).map(kind => [kind, 0])))
  })
}
