/** The app's own functions may throw, be async by mistake, reject or answer nonsense: the default applies, and one warning says so. */
import type { FastifyInstance } from 'fastify'
import type { AppInsightsOptions } from 'fastify-app-insights'
import t, { type Test } from 'tap'
import { sink, start } from '../fixtures/start'

type Fails = [how: string, callback: () => unknown, says: RegExp]

const FAILS: Fails[] = [
  ['throws', () => { throw new Error('mine') }, /mine/],
  ['throws what has no text', () => { throw Object.create(null) as Error }, /cannot be read/], // eslint-disable-line no-throw-literal
  ['throws undefined', () => { throw undefined }, /undefined/], // eslint-disable-line no-throw-literal
  ['throws an error that cannot be read', () => { throw Object.defineProperty(new Error(''), 'message', { get () { throw new Error('no') } }) }, /cannot be read/],
  ['is async', async () => true, /promise/],
  ['is async and rejects', async () => { throw new Error('mine') }, /promise/],
  ['gives a thenable that throws', () => ({ then () { throw new Error('mine') } }), /promise/]
]

/** An app that answers and calls itself, its warnings, and what nobody handled. */
async function run (t: Test, options: AppInsightsOptions, act?: (app: FastifyInstance) => Promise<unknown>): Promise<{ rows: Awaited<ReturnType<typeof start>>['emulator'], warnings: string[] }> {
  const unhandled: unknown[] = []
  const onUnhandled = (reason: unknown): void => { unhandled.push(reason) }
  process.on('unhandledRejection', onUnhandled)
  const lines = sink()
  const { app, emulator, send, url } = await start(t, {
    server: { logger: { level: 'info', stream: lines } },
    options: { worker: false, storageDirectory: false, ...options },
    routes: app => {
      app.get('/', async request => {
        request.log.info('a line')
        await fetch(`${url}/inner`)
        return 'ok'
      })
      app.get('/inner', async () => 'ok')
    }
  })
  for (let i = 0; i < 3; i++) t.equal((await send('/')).status, 200, 'the app answers')
  await act?.(app)
  await app.close()
  await new Promise(resolve => setImmediate(resolve))
  process.off('unhandledRejection', onUnhandled)
  t.same(unhandled, [], 'no rejection is left unhandled')
  const warnings = lines.lines.map(line => JSON.parse(line) as { level: number, msg: string }).filter(({ level }) => level === 40).map(({ msg }) => msg)
  return { rows: emulator, warnings }
}

type Checks = (t: Test, rows: Awaited<ReturnType<typeof start>>['emulator']) => void

const everything: Checks = (t, rows) => {
  t.equal(rows.items({ type: 'request', name: 'GET /' }).length, 3, 'requests are kept')
  t.ok(rows.items({ type: 'request' }).every(row => row.success), 'and successful')
  t.equal(rows.items({ message: 'a line' }).length, 3, 'lines are kept')
  t.equal(rows.items({ type: 'dependency' }).length, 3, 'calls are kept')
}

const OPTIONS: Array<[name: string, options: (callback: () => never) => AppInsightsOptions]> = [
  ['ignore', ignore => ({ ignore })],
  ['requests.success', success => ({ requests: { success } })],
  ['requests.enrich', enrich => ({ requests: { enrich } })],
  ['logs.filter', filter => ({ logs: { filter } })],
  ['dependencies.ignore', ignore => ({ dependencies: { ignore } })],
  ['dependencies.propagate', propagate => ({ dependencies: { propagate } })],
  ['dependencies.success', success => ({ dependencies: { success } })],
  ['sampler', shouldSample => ({ sampler: { shouldSample, toString: shouldSample } })]
]

for (const [name, options] of OPTIONS) {
  t.test(`${name} that fails`, async t => {
    const nonsense: Fails[] = name === 'requests.enrich'
      ? [['gives a number', () => 5, /didn't return an object/], ['gives a text', () => 'text', /didn't return an object/]]
      : name === 'sampler'
        ? [['gives undefined', () => undefined, /./], ['gives no decision', () => ({ decision: 7 }), /no sampling decision/]]
        : [['gives undefined', () => undefined, /neither true nor false/], ['gives a text', () => 'no', /neither true nor false/]]
    for (const [how, callback, says] of [...FAILS, ...nonsense]) {
      t.test(how, async t => {
        const { rows, warnings } = await run(t, options(callback as () => never))
        everything(t, rows)
        if (name === 'sampler' && how === 'gives undefined') return
        t.equal(warnings.length, 1, 'one warning') || t.comment(warnings)
        t.match(warnings[0], name, 'names the option')
        t.match(warnings[0], says, 'says what happened')
      })
    }
  })
}

t.test('processors that fail', async t => {
  for (const [how, callback, says] of FAILS) {
    t.test(how, async t => {
      const each = callback as () => never
      const { rows, warnings } = await run(t, {
        spanProcessors: [{ onStart: each, onEnd: each, forceFlush: each, shutdown: each }],
        logRecordProcessors: [{ onEmit: each, forceFlush: each, shutdown: each, enabled: each }]
      }, async app => await app.appInsights.flush())
      everything(t, rows)
      // What an async method does in the end is its own affair, as long as it does not fail.
      if (how === 'is async') return
      for (const name of ['spanProcessors[0].onStart', 'spanProcessors[0].onEnd', 'spanProcessors[0].shutdown', 'logRecordProcessors[0].onEmit', 'logRecordProcessors[0].shutdown']) {
        const said = warnings.filter(warning => warning.startsWith(name))
        t.equal(said.length, 1, `one warning about ${name}`)
        if (!says.test('promise')) t.match(said[0], says)
      }
    })
  }
})

t.test('a credential that fails keeps the app going', async t => {
  for (const [how, getToken] of [
    ['throws', () => { throw new Error('mine') }],
    ['rejects', async () => { throw new Error('mine') }],
    ['rejects with nothing', async () => await Promise.reject(undefined as unknown)], // eslint-disable-line prefer-promise-reject-errors
    ['gives nothing', async () => undefined],
    ['gives null', async () => null],
    ['gives no token', async () => ({})]
  ] as const) {
    t.test(how, async t => {
      const { rows, warnings } = await run(t, { credential: { getToken: getToken as never }, closeTimeout: 500 })
      t.equal(rows.posts.length, 0, 'nothing is sent without a token')
      t.notMatch(warnings.join('\n'), /undefined|Cannot read/)
    })
  }
})

t.test('a filter that logs, and a call that ignore makes, do not go round in circles', async t => {
  let app: FastifyInstance | undefined
  const { rows } = await run(t, {
    logs: { filter: ({ message }) => { app?.log.info(`filtered ${message}`); return true } }
  }, async started => {
    app = started
    started.log.info('once')
  })
  t.equal(rows.items({ message: 'once' }).length, 1)
  t.equal(rows.items({ message: 'filtered once' }).length, 1)
})

t.test('a warning does not repeat a secret', async t => {
  const { warnings } = await run(t, { requests: { success: () => { throw new Error('GET https://a:hunter2@b.test/?token=hunter2 failed') } } })
  t.match(warnings[0], /requests\.success failed/)
  t.notMatch(warnings.join(), 'hunter2')
})
