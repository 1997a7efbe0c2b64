/** Fake timers in the tests of somebody's app, which replace the process's clocks. */
import { join } from 'node:path'
import t from 'tap'
import { plainNode } from './fixtures/plain-node'
import { start } from './fixtures/start'

t.test('under fake timers, as in Jest and Vitest, every row arrives, and tracesPerSecond goes by the real time', async t => {
  const { emulator } = await start(t)
  const { code, stderr } = await plainNode([join(__dirname, 'fixtures/fake-timers.cjs')], { APPLICATIONINSIGHTS_CONNECTION_STRING: emulator.connectionString })
  t.match({ code, stderr }, { code: 0, stderr: '' })
  t.same(emulator.items({ type: 'request' }).map(({ name, itemCount }) => [name, itemCount]), Array.from({ length: 8 }, () => ['GET /work', 1]))
  t.same(emulator.items({ type: 'dependency' }).map(({ name }) => name).sort(), [...Array.from({ length: 8 }, () => 'GET /'), ...Array.from({ length: 8 }, () => 'step')])
  t.ok(emulator.items({ type: 'metric' }).some(({ name }) => name === 'nodejs.eventloop.utilization'), 'metrics of the process')
})
