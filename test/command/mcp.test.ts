/** A scripted client of the Model Context Protocol against `fastify-app-insights mcp`, on a service with seeded bugs. */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { start } from '../fixtures/start'

const command = join(__dirname, '../../dist/command/index.js')

interface Message { jsonrpc?: string, id?: number | string | null, result?: any, error?: { code: number, message: string } } // eslint-disable-line @typescript-eslint/no-explicit-any

class Client {
  readonly child
  readonly received: Message[] = []
  readonly ended: Promise<number>
  errors = ''
  #rest = ''
  #next = 1
  #waiting = new Map<unknown, (message: Message) => void>()

  constructor (t: Test, url: string) {
    this.child = spawn(process.execPath, [command, 'mcp', '--url', url], { env: { PATH: process.env.PATH }, stdio: ['pipe', 'pipe', 'pipe'] })
    t.teardown(() => { this.child.kill('SIGKILL') })
    this.ended = once(this.child, 'close').then(([code]) => code as number)
    this.child.stderr.on('data', chunk => { this.errors += String(chunk) })
    this.child.stdout.setEncoding('utf8').on('data', (chunk: string) => {
      const lines = (this.#rest + chunk).split('\n')
      this.#rest = lines.pop()!
      for (const line of lines) {
        const message = JSON.parse(line) as Message
        this.received.push(message)
        this.#waiting.get(message.id)?.(message)
      }
    })
  }

  raw (text: string): void {
    this.child.stdin.write(`${text}\n`)
  }

  async answerTo (id: unknown): Promise<Message> {
    return await new Promise(resolve => this.#waiting.set(id, resolve))
  }

  async request (method: string, params?: object): Promise<Message> {
    const id = this.#next++
    const answer = this.answerTo(id)
    this.raw(JSON.stringify({ jsonrpc: '2.0', id, method, params }))
    return await answer
  }

  /** What the tool says, as text and as data. */
  async tool (name: string, given: object = {}): Promise<{ text: string, data: any, isError: boolean }> { // eslint-disable-line @typescript-eslint/no-explicit-any
    const { result, error } = await this.request('tools/call', { name, arguments: given })
    if (error !== undefined) throw new Error(error.message)
    return { text: result.content[0].text, data: result.structuredContent, isError: result.isError === true }
  }

  async initialize (protocolVersion = '2025-11-25'): Promise<Message> {
    const answer = await this.request('initialize', { protocolVersion, capabilities: {}, clientInfo: { name: 'test', version: '1' } })
    this.raw(JSON.stringify({ jsonrpc: '2.0', method: 'notifications/initialized' }))
    return answer
  }
}

async function shop (t: Test) {
  const started = await start(t, {
    options: { serviceName: 'shop' },
    routes: app => {
      app.get('/price/:id', async request => {
        request.log.info('looking up')
        // The seeded bug.
        if ((request.params as { id: string }).id === '3' && !(app as unknown as { isFixed?: boolean }).isFixed) throw new RangeError('no price for 3')
        return { price: 1 }
      })
    }
  })
  const client = new Client(t, started.emulator.url)
  await client.initialize()
  return { ...started, client }
}

t.test('the handshake, and what every message must get', async t => {
  const { client } = await shop(t)
  const first = client.received[0]!
  t.match(first, { jsonrpc: '2.0', id: 1, result: { protocolVersion: '2025-11-25', capabilities: { tools: {} }, serverInfo: { name: 'fastify-app-insights', version: String } } })
  t.match((await client.initialize('2024-11-05')).result, { protocolVersion: '2024-11-05' }, 'an older client gets its version')
  t.match((await client.initialize('1999-01-01')).result, { protocolVersion: '2025-11-25' }, 'an unknown version gets the newest')
  t.same((await client.request('ping')).result, {})
  const { tools } = (await client.request('tools/list')).result
  t.same(tools.map(({ name }: { name: string }) => name), ['list_failures', 'explain_operation', 'query', 'tail', 'compare'])
  for (const { description, inputSchema } of tools) t.match({ description, inputSchema }, { description: /\w{3}/, inputSchema: { type: 'object', properties: Object, additionalProperties: false } })

  t.match((await client.request('resources/list')).error, { code: -32601, message: /resources\/list/ })
  t.match((await client.request('initialize', {})).error, { code: -32602 })
  t.match((await client.request('tools/call', { name: 'drop_everything' })).error, { code: -32602, message: /Unknown tool: drop_everything/ })
  for (const given of [{}, { kql: 5 }, { kql: 'requests', more: 1 }]) t.match(await client.tool('query', given), { isError: true, text: /^Invalid arguments of query: \w+ (?:is|must)/ })
  for (const given of [{ limit: 0 }, { limit: 1.5 }, { type: 'secrets' }, { waitSeconds: 1e9 }]) t.match(await client.tool('tail', given), { isError: true, text: /^Invalid arguments of tail/ })

  const answered = client.received.length
  client.raw('')
  client.raw('{ "jsonrpc": "2.0", "method": "notifications/whatever" }')
  client.raw('{ "jsonrpc": "2.0", "id": 99, "result": {} }')
  const broken = client.answerTo(null)
  client.raw('{ "jsonrpc": ')
  t.match(await broken, { id: null, error: { code: -32700 } })
  t.equal(client.received.length, answered + 1, 'notifications and answers get no answer')
  for (const wrong of ['[]', '5', '{ "id": 7, "method": "ping" }', '{ "jsonrpc": "2.0", "id": {}, "method": "ping" }']) {
    const refused = client.answerTo(null)
    client.raw(wrong)
    t.match(await refused, { id: null, error: { code: -32600 } }, wrong)
  }
  const text = client.answerTo('a-text')
  client.raw(JSON.stringify({ jsonrpc: '2.0', id: 'a-text', method: 'ping' }))
  t.match(await text, { id: 'a-text', result: {} })
  const batch = new Promise<Message>(resolve => client.child.stdout.once('data', resolve))
  client.raw('[{ "jsonrpc": "2.0", "id": 1001, "method": "ping" }, { "jsonrpc": "2.0", "method": "notifications/x" }, { "jsonrpc": "2.0", "id": 1002, "method": "ping" }]')
  await batch
  t.match(client.received.at(-1), [{ id: 1001, result: {} }, { id: 1002, result: {} }])

  client.child.stdin.end()
  t.equal(await client.ended, 0, 'it ends with its input')
  t.equal(client.errors, '')
})

t.test('an assistant finds a seeded bug, and sees that its fix works', async t => {
  const { app, emulator, send, flush, client } = await shop(t)
  t.equal((await client.tool('list_failures')).text, 'Nothing has failed so far.')
  t.match(await client.tool('explain_operation'), { isError: true, text: 'Nothing has failed so far' })
  for (const id of [1, 2, 3, 3]) await send(`/price/${id}`)
  await flush()

  const failures = await client.tool('list_failures', { limit: 10 })
  t.match(failures.text, /exception {3}RangeError: no price for 3.*\[shop\] {2}operation [0-9a-f]{32}/)
  t.equal(failures.data.failures.length, 4, 'two requests and two exceptions')
  t.same((await client.tool('list_failures', { role: 'another' })).data.failures, [])
  const story = await client.tool('explain_operation', { operationId: failures.data.failures[0].operationId })
  t.match(story.text, /GET \/price\/:id failed with 500[^]*RangeError: no price for 3\n {4}at .*mcp\.test\.ts[^]*looking up/)
  t.match(story.data, { errors: [{ type: 'RangeError' }] })
  const counted = await client.tool('query', { kql: 'requests | summarize requests = count(), failed = countif(success == false) by name' })
  t.match(counted.data, { columns: [{ name: 'name' }, { name: 'requests' }, { name: 'failed' }], rows: [['GET /price/:id', 4, 2]], total: 1 })
  t.match(await client.tool('query', { kql: 'requests | where nothing == 1' }), { isError: true, text: /nothing/ }, 'a wrong query is the model\'s to put right')

  const { data: { snapshot } } = await client.tool('compare')
  t.equal(snapshot, emulator.items().at(-1)!.itemId)
  Object.assign(app, { isFixed: true })
  const tail = client.tool('tail', { after: snapshot, type: 'request', waitSeconds: 30 })
  for (const id of [1, 2, 3]) await send(`/price/${id}`)
  await flush()
  t.match((await tail).text, /GET \/price\/:id {2}200[^]*Last itemId: \d+/, 'it waits for what comes')
  const compared = await client.tool('compare', { snapshot })
  t.match(compared.text, /^GET \/price\/:id: requests 4 → 3, failed 2 \(50 %\) → 0 \(0 %\), p50 [^]*\nExceptions that no longer occur:\n {2}2 × RangeError: no price for 3$/)
  t.match(compared.data, { operations: [{ name: 'GET /price/:id', before: { requests: 4, failed: 2 }, after: { requests: 3, failed: 0 } }], newExceptions: [], goneExceptions: [{ count: 2 }] })

  const nothing = client.request('tools/call', { name: 'tail', arguments: { after: 1e9, waitSeconds: 30 } })
  client.raw(JSON.stringify({ jsonrpc: '2.0', method: 'notifications/cancelled', params: { requestId: 'unknown' } }))
  const id = 1 + Math.max(...client.received.map(message => Number(message.id)).filter(Number.isFinite))
  client.raw(JSON.stringify({ jsonrpc: '2.0', method: 'notifications/cancelled', params: { requestId: id, reason: 'changed my mind' } }))
  t.same((await client.request('ping')).result, {}, 'a cancelled request holds nobody up')
  await Promise.race([nothing.then(() => t.fail('and is never answered')), client.tool('list_failures')])
  await emulator.close()
  t.match(await client.tool('list_failures'), { isError: true, text: /No emulator answers/ })
  client.child.stdin.end()
  t.equal(await client.ended, 0, 'it ends though a request was cancelled')
})
