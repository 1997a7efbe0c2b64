/** Queries over HTTP and on a terminal, and what a portal's blades and an alert would ask. */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import { startEmulator, type Emulator } from 'fastify-app-insights/emulator'
import t from 'tap'
import { dependency, exception, post, request, trace } from '../../fixtures/envelopes'
import { table } from '../../../dist/command/tables.js'

const root = dirname(createRequire(__filename).resolve('fastify-app-insights/package.json'))
let emulator: Emulator

t.before(async () => {
  emulator = await startEmulator()
  await post(emulator.url, [
    request(), request(), request({ name: 'GET /slow', success: false, responseCode: '500', duration: '00:00:02' }), request({ responseCode: '499', success: false }),
    trace('a, "quoted"\nline'), exception(), dependency()
  ])
})
t.teardown(() => emulator.close())

async function ask (body: string): Promise<{ status: number, body: { rows?: unknown[][], columns?: unknown[], render?: unknown, error?: string, code?: string, line?: number, column?: number } }> {
  const response = await fetch(`${emulator.url}/api/query`, { method: 'POST', body })
  return { status: response.status, body: await response.json() as object }
}

t.test('POST /api/query answers with columns and rows, or with what is wrong', async t => {
  t.match(await ask('requests | summarize count() by name | sort by count_ desc'), {
    status: 200, body: { columns: [{ name: 'name', type: 'string' }, { name: 'count_', type: 'long' }], rows: [['GET /users/:id', 3], ['GET /slow', 1]] }
  })
  t.match(await ask(JSON.stringify({ query: 'requests | count | render piechart with (title="all")' })), { status: 200, body: { rows: [[4]], render: { kind: 'piechart', properties: { title: 'all' } } } })
  t.match(await ask('requests | where x'), { status: 400, body: { code: 'FAI_KQL_INVALID', line: 1, column: 18, error: /'x'/ } })
  t.match(await ask('{"no":"query"}'), { status: 400, body: { code: 'FAI_KQL_INVALID' } })
  t.match(await ask('print 9223372036854775807, 1.0 / 0, real(nan)'), { body: { rows: [['9223372036854775807', 'Infinity', 'NaN']] } }, 'what JSON cannot hold is text')
  t.equal((await fetch(`${emulator.url}/api/query`)).status, 404)
  t.equal((await fetch(`${emulator.url}/api/query`, { method: 'POST', body: 'print 1', headers: { origin: 'http://elsewhere.test' } })).status, 403)
})

t.test("Azure's query API answers as Azure does", async t => {
  const call = async (path: string, body?: object, headers: Record<string, string> = {}) => {
    const response = await fetch(`${emulator.url}${path}`, { ...(body && { method: 'POST', body: JSON.stringify(body) }), headers: { 'x-api-key': 'any', 'content-type': 'application/json', ...headers } })
    return { status: response.status, body: await response.json() as object }
  }
  const PATHS = ['/v1/apps/DEMO_APP/query', '/v1/workspaces/b1b1b1b1-0000/query', '/v1/subscriptions/s/resourceGroups/r/providers/microsoft.insights/components/shop/query']
  for (const path of PATHS) {
    t.strictSame(await call(path, { query: 'requests | summarize count() by name | sort by count_ desc' }), {
      status: 200,
      body: { tables: [{ name: 'PrimaryResult', columns: [{ name: 'name', type: 'string' }, { name: 'count_', type: 'long' }], rows: [['GET /users/:id', 3], ['GET /slow', 1]] }] }
    }, path)
    t.match(await call(`${path}?query=${encodeURIComponent('AppRequests | count')}&timespan=P1D`), { body: { tables: [{ rows: [[4]] }] } })
  }
  const app = PATHS[0]!
  t.match(await call(app, { query: 'print dynamic({"a":[1]}), dynamic("b")' }), { body: { tables: [{ columns: [{ type: 'dynamic' }], rows: [['{"a":[1]}', 'b']] }] } }, 'objects are text')
  t.match(await call(app, { query: 'requests | where x' }), { status: 400, body: { error: { code: 'BadArgumentError', message: 'The request had some invalid properties', innererror: { message: /'x'/, line: 1, pos: 18 } } } })
  t.match(await call(app, { no: 'query' }), { status: 400, body: { error: { code: 'BadArgumentError' } } })
  t.match(await call(app, { query: 'requests | count', timespan: 'yesterday' }), { status: 400, body: { error: { innererror: { message: /ISO 8601/ } } } })
  const hour = 3_600_000
  const iso = (time: number) => new Date(time).toISOString()
  for (const [timespan, rows] of [
    ['PT2H', 4], [`${iso(Date.now() - hour)}/${iso(Date.now() + hour)}`, 4], [`${iso(Date.now() - hour)}/PT2H`, 4], [`P1DT1H/${iso(Date.now() + hour)}`, 4],
    [`${iso(0)}/${iso(hour)}`, 0], [`PT1H/${iso(Date.now() - hour)}`, 0]
  ] as const) t.match(await call(app, { query: 'requests | count', timespan }), { body: { tables: [{ rows: [[rows]] }] } }, timespan)
  const drawn = { query: 'requests | summarize count() by name | render barchart with (title="all")' }
  t.notMatch(await call(app, drawn), { body: { render: {} } })
  t.match(await call(app, drawn, { prefer: 'wait=30, include-render=true' }), { body: { render: { visualization: 'barchart', title: 'all' } } })
  t.equal((await call(app, drawn, { origin: 'http://elsewhere.test' })).status, 403)
  t.equal((await call('/v1/apps/DEMO_APP/events')).status, 404)
})

t.test('GET /api/query/complete knows tables, columns and operators', async t => {
  const complete = async (query: string) => {
    const response = await fetch(`${emulator.url}/api/query/complete?query=${encodeURIComponent(query)}`)
    return (await response.json() as { items: Array<{ text: string, kind: string }> }).items.map(({ text }) => text)
  }
  t.ok((await complete('requ')).includes('requests'))
  t.ok((await complete('requests | whe')).includes('where'))
  t.ok((await complete('requests | where dur')).includes('duration'))
})

async function run (args: string[], input = ''): Promise<{ code: number, output: string, errors: string }> {
  const child = spawn(process.execPath, [join(root, 'dist/command/index.js'), 'query', ...args], { env: { ...process.env, NODE_OPTIONS: '' } })
  const texts = ['', '']
  child.stdout.on('data', (chunk: Buffer) => { texts[0] += chunk.toString() })
  child.stderr.on('data', (chunk: Buffer) => { texts[1] += chunk.toString() })
  child.stdin.end(input)
  const [code] = await once(child, 'close') as [number]
  return { code, output: texts[0]!, errors: texts[1]! }
}

t.test('the command prints a table, JSON or CSV', async t => {
  const query = 'requests | summarize count() by name | sort by count_ desc'
  t.same(await run([query, '--url', emulator.url]), { code: 0, output: 'name            count_\n--------------  ------\nGET /users/:id       3\nGET /slow            1\n2 rows\n', errors: '' })
  t.same(JSON.parse((await run([query, '--url', emulator.url, '--json'])).output), [{ name: 'GET /users/:id', count_: 3 }, { name: 'GET /slow', count_: 1 }])
  t.equal((await run(['-', '--url', emulator.url, '--csv'], 'traces | project message, 1')).output, 'message,Column1\r\n"a, ""quoted""\nline",1\r\n')
  t.match(await run(['traces | where nope', '--url', emulator.url]), { code: 1, errors: /nope.*line 1, column 16/ })
  t.match(await run(['print 1', '--url', 'http://127.0.0.1:1']), { code: 1, errors: /No emulator answers/ })
  t.match(await run([]), { code: 2, errors: /Usage/ })
})

t.test('a table fits the terminal, whatever is in it', async t => {
  const columns = (...names: string[]) => names.map(name => ({ name, type: 'string' }))
  t.equal(table({ columns: columns('a', 'b'), rows: [['x'.repeat(30), 'y']] }, 20), 'a                  b\n-----------------  -\nxxxxxxxxxxxxxxxx…  y\n1 row\n')
  t.equal(table({ columns: columns('first', 'second', 'third'), rows: [['a', '', 'x'.repeat(15)], ['b', 'y', null]] }, 20), 'first   a\nthird   xxxxxxxxxxxxxxx\n\nfirst   b\nsecond  y\n\n2 rows\n', 'too many columns are a line each')
  t.equal(table({ columns: columns('\u001b[31mred\u001b[0m'), rows: [['\u001b[2J']] }, 80), ' [31mred [0m\n------------\n [2J\n1 row\n', 'names are received text, too')
  t.match(table({ columns: columns('a'), rows: Array.from({ length: 300_000 }, () => ['x']) }, undefined), /\n300000 rows\n$/)
})

t.test('every query of the docs runs', async t => {
  for (const file of ['docs/kql.md', 'docs/sampling.md', 'docs/exceptions.md', 'docs/requests.md', 'docs/logs.md', 'docs/troubleshooting.md', 'docs/emulator.md']) {
    for (const [, query] of readFileSync(join(root, file), 'utf8').matchAll(/```(?:kusto|kql)\n([^]*?)```/g)) {
      await t.resolves(emulator.query(query!), `${file}: ${query!.split('\n')[0]}`)
    }
  }
})

/** Written after what the portal's pages show. */
const BLADES: Record<string, string> = {
  'failures by operation': 'requests | where timestamp > ago(1d) | summarize failed = sumif(itemCount, success == false), total = sum(itemCount), users = dcount(user_Id) by operation_Name | where failed > 0 | order by failed desc',
  'top exception types': 'exceptions | where timestamp > ago(1d) | summarize n = sum(itemCount) by type = iff(isempty(innermostType), type, innermostType), problemId | top 3 by n desc',
  'failed requests over time': 'requests | where timestamp > ago(1h) and success == false | summarize sum(itemCount) by bin(timestamp, 1m) | render timechart',
  'performance by operation': 'requests | where timestamp > ago(1d) | summarize count_ = sum(itemCount), avg(duration), percentiles(duration, 50, 95, 99) by operation_Name | order by count_ desc',
  'durations in buckets': 'requests | summarize requestCount = sum(itemCount), avgDuration = avg(duration) by performanceBucket | order by avgDuration asc',
  'an operation from end to end': "union isfuzzy=true requests, dependencies, traces, exceptions, customEvents, pageViews, availabilityResults | where operation_Id == '0af7651916cd43dd8448eb211c80319c' | project timestamp, itemType, id, name, message, resultCode, duration, success | order by timestamp asc | take 200",
  'dependencies that fail': 'dependencies | where success == false | summarize failed = sum(itemCount) by target, type, resultCode | join kind=leftouter (dependencies | summarize total = sum(itemCount) by target) on target | project target, type, resultCode, failed, rate = 100.0 * failed / total'
}

t.test("the portal's blades find what is here", async t => {
  for (const [name, query] of Object.entries(BLADES)) t.ok((await emulator.query(query)).rows.length > 0, name)
})

t.test("an alert's query fires", async t => {
  const { rows } = await emulator.query('requests | where timestamp > ago(5m) | summarize share = 100.0 * countif(success == false) / count() by cloud_RoleName | where share > 5')
  t.strictSame(rows, [['shop', 50]])
})
