/** docs/privacy.md against what is really sent, and against the tables that there are. */
import { readFileSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { STORED } from '../../dist/emulator/kql/tables.js'
import { start } from '../fixtures/start'

const docs = join(__dirname, '..', '..', 'docs')
const read = (name: string): string => readFileSync(join(docs, name), 'utf8').replaceAll('\r\n', '\n')
const lines = /<!-- columns -->\n([^]*?)<!-- \/columns -->/.exec(read('privacy.md'))![1]!.split('\n').slice(2).filter(line => line !== '')
const documented = lines.flatMap(line => {
  const [, columns, , personal, remedy] = line.split('|').map(cell => cell.trim())
  return [...columns!.matchAll(/`(\w+)`(?: of `(\w+)`)?/g)].map(([, column, table]) => ({ column: column!, table, personal: personal!, remedy: remedy! }))
})

t.test('every column of Azure\'s tables, and of docs/data-model.md, is in docs/privacy.md', async t => {
  const names = new Set(documented.map(({ column }) => column))
  for (const { name, columns } of STORED) t.same(columns.map(column => column.name).filter(column => !names.has(column)), [], name)
  const mapped = [...read('data-model.md').matchAll(/^\| `(?:ai\.[\w.]+|\w+)` \|.*\| `(\w+)` \|$/gm)].map(match => match[1]!)
  t.ok(mapped.length > 10)
  t.same(mapped.filter(column => !names.has(column)), [])
  const known = new Set(STORED.flatMap(({ columns }) => columns.map(column => column.name)))
  t.same([...names].filter(column => !known.has(column)), ['type'].filter(column => !known.has(column)), 'and no column that there is not')
  for (const { column, personal, remedy } of documented) {
    t.match(personal, /^(?:no|yours|yes(?:: [\w ]+)?)$/, column)
    if (personal !== 'no') t.not(remedy, '', `${column}: it says how to leave it out`)
  }
})

/** What could tell who somebody is, each in another place. */
const PLANTED = {
  address: '203.0.113.77',
  agent: 'Grace-Browser/1.0',
  query: 'lovelace-in-query',
  header: 'lovelace-in-header',
  cookie: 'lovelace-in-cookie',
  body: 'lovelace-in-body',
  answer: 'lovelace-in-answer',
  field: 'lovelace-in-field',
  redacted: 'lovelace-redacted',
  audited: 'lovelace-audited'
}

async function planted (t: Parameters<typeof start>[0], options: object): Promise<string[]> {
  const { emulator, send, flush } = await start(t, {
    options,
    server: { trustProxy: true },
    routes: app => {
      app.post('/people', async request => {
        request.log.info({ email: PLANTED.field, person: { email: PLANTED.redacted } }, 'person read')
        request.log.info({ audit: true, who: PLANTED.audited }, 'audited')
        return { name: PLANTED.answer }
      })
    }
  })
  await send(`/people?who=${PLANTED.query}`, {
    method: 'POST',
    headers: {
      'x-forwarded-for': PLANTED.address, 'user-agent': PLANTED.agent, 'x-name': PLANTED.header, cookie: `name=${PLANTED.cookie}`, authorization: PLANTED.header, 'content-type': 'application/json'
    },
    body: JSON.stringify({ name: PLANTED.body })
  })
  await flush()
  const sent = emulator.items().map(({ envelope }) => JSON.stringify(envelope)).join('\n')
  t.ok(emulator.items({ type: 'request' }).length === 1 && emulator.items({ type: 'trace', message: 'person read' }).length === 1, 'the rows are there')
  return Object.entries(PLANTED).filter(([, value]) => sent.includes(value)).map(([place]) => place)
}

t.test('by default exactly that is sent which the table says', async t => {
  t.same(await planted(t, {}), ['address', 'agent', 'query', 'field', 'redacted', 'audited'])
})

t.test('the examples have no personal data', async t => {
  const files = (readdirSync(join(docs, 'examples'), { recursive: true }) as string[]).filter(name => /\.(?:[cm]?[jt]s|ya?ml)$|Dockerfile$/.test(name))
  t.ok(files.length > 20)
  for (const name of files) t.notMatch(read(join('examples', name)), /[\w.]+@[\w-]+\.\w{2,}|setUser\(|setSession\(/, name)
})

t.test('with the options of the guide, none of it is', async t => {
  const code = /<!-- runs: [^\n]* -->\n```js\n([^]*?)```/.exec(read('privacy.md'))![1]!
  const given = /app\.register\(appInsightsPlugin, (\{[^]*?\n\})\)/.exec(code)![1]!
  // eslint-disable-next-line no-new-func -- the guide's own text
  const options = new Function(`return ${given}`)() as { requests: object, logs: object }
  t.same(await planted(t, { ...options, logs: { ...options.logs, redact: ['*.email', 'email'] } }), [])
})
