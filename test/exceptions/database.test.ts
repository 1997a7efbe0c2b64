/** A failed query is one exception with the error's type and stack, even though its instrumentation records only a text. */
import { PgInstrumentation } from '@opentelemetry/instrumentation-pg'
import type { Pool } from 'pg'
import t from 'tap'
import { startPostgres } from '../fixtures/postgres'
import { start } from '../fixtures/start'

t.test('with instrumentation-pg', async t => {
  const connectionString = await startPostgres(t)
  if (connectionString === undefined) {
    t.pass('a failing query', { skip: 'needs initdb and postgres, in Debian: apt-get install postgresql' })
    return
  }
  let pool: Pool | undefined
  t.teardown(async () => await pool?.end())
  const { app, send, emulator, flush } = await start(t, {
    options: { instrumentations: [new PgInstrumentation()] },
    routes: app => {
      // Patched only if loaded after the plugin.
      const { Pool } = require('pg') as typeof import('pg')
      pool = new Pool({ connectionString })
      const fail = async (): Promise<unknown> => await pool!.query('select * from nowhere')
      app.get('/thrown', fail)
      app.get('/logged', async request => { await fail().catch(error => { request.log.error(error, 'no rows') }) })
      app.get('/wrapped', async () => { await fail().catch(error => { throw new Error('no such page', { cause: error }) }) })
      app.get('/caught', async () => { await fail().catch(() => {}) })
      app.get('/callback', (_request, reply) => { pool!.query('select * from nowhere', error => { void reply.send(error) }) })
      app.get('/missing', async () => { await fail().catch(error => { throw Object.assign(error as Error, { statusCode: 404 }) }) })
    }
  })
  for (const path of ['/thrown', '/logged', '/wrapped', '/caught', '/callback', '/missing']) await send(path)
  await app.appInsights.operation('job', async () => await pool!.query('select * from nowhere')).catch(() => {})
  await flush()
  const of = (name: string): unknown[] => emulator.items({ type: 'exception', operation_Name: name })
  const broken = { exceptionType: 'DatabaseError', outerMessage: 'relation "nowhere" does not exist', customDimensions: { code: '42P01' }, details: [{ stack: /relation "nowhere" does not exist\n {4}at / }] }
  const expected: Record<string, object[]> = {
    'GET /thrown': [broken],
    'GET /logged': [{ ...broken, customDimensions: { code: '42P01', logMessage: 'no rows' } }],
    'GET /wrapped': [{ exceptionType: 'Error', outerMessage: 'no such page', details: [{ stack: /caused by: error: relation "nowhere"/ }] }],
    // Nothing else reports it.
    'GET /caught': [{ outerMessage: /42P01/ }],
    'GET /callback': [broken],
    'GET /missing': [],
    job: [broken]
  }
  for (const [name, rows] of Object.entries(expected)) {
    t.equal(of(name).length, rows.length, `${name}: as many rows as there should be`)
    t.match(of(name), rows, name)
  }
  const queries = emulator.items({ type: 'dependency', success: false }).filter(row => row.data?.includes('nowhere') === true)
  t.equal(queries.length, Object.keys(expected).length, 'every query is a dependency of its own')
})
