import { readdirSync } from 'node:fs'
import { join } from 'node:path'
import { startEmulator } from 'fastify-app-insights/emulator'
import t from 'tap'
import { plainNode, type PlainEnd } from './fixtures/plain-node'

const fixture = join(__dirname, 'fixtures/dies.mjs')

async function end (how: string, directory: string, connectionString: string | undefined): Promise<PlainEnd> {
  return await plainNode([fixture, how, directory], connectionString === undefined ? {} : { APPLICATIONINSIGHTS_CONNECTION_STRING: connectionString })
}

const FATAL: Record<string, boolean> = { uncaught: true, rejection: true, exit: false, nothing: false }
// On Windows a process can't send itself a signal that another handler could catch.
if (process.platform !== 'win32') Object.assign(FATAL, { SIGTERM: false, SIGINT: false, handled: false, unhandled: false, twice: false })

for (const [how, fatal] of Object.entries(FATAL)) {
  t.test(`a process that ends by ${how} delivers its request, its log line${fatal ? ' and the fatal error' : ''}, and ends as it would without the plugin`, async t => {
    const emulator = await startEmulator()
    t.teardown(async () => await emulator.close())
    const directory = t.testdir({})
    const within = await end(how, directory, emulator.connectionString)
    const without = await end(how, directory, undefined)
    t.same(within, without, 'exit code and output are the same')

    const processes = [how]
    // On a busy machine the rows are already on disk by then.
    if (readdirSync(directory, { recursive: true }).some(name => String(name).endsWith('.spool'))) {
      await end('after', directory, emulator.connectionString)
      processes.push('after')
    }
    const requests = emulator.items({ type: 'request' })
    t.match(requests, processes.map(() => ({ name: 'GET /', resultCode: '200' })))
    t.equal(requests.length, processes.length)
    t.same(emulator.items({ message: 'last words' }).map(({ customDimensions }) => customDimensions.how).sort(), processes.toSorted())
    const exceptions = emulator.items({ type: 'exception' })
    t.equal(exceptions.length, fatal ? 1 : 0)
    if (fatal) t.match(exceptions[0], { exceptionType: 'RangeError', outerMessage: 'nobody catches this', severityLevel: 4 })
  })

  // The other ways end with the same call.
  if (!['uncaught', 'exit', 'nothing', 'SIGTERM'].includes(how)) continue
  t.test(`with the endpoint down, the rows of a process that ends by ${how} are delivered by the next one, once`, async t => {
    const emulator = await startEmulator()
    t.teardown(async () => await emulator.close())
    emulator.respondWith(503)
    const directory = t.testdir({})
    await end(how, directory, emulator.connectionString)
    t.equal(emulator.items().length, 0)
    t.ok(readdirSync(directory, { recursive: true }).length > 0, 'it waits on disk')
    emulator.respondWith()
    await end('after', directory, emulator.connectionString)
    t.equal(emulator.items({ type: 'request' }).length, 2)
    t.equal(emulator.items({ message: 'last words' }).length, 2)
    t.equal(emulator.items({ type: 'exception' }).length, fatal ? 1 : 0)
  })
}
