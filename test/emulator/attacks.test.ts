/** Bodies that are made to cost memory or time, and what else a client may try. */
import { spawn } from 'node:child_process'
import net from 'node:net'
import { join } from 'node:path'
import { gzipSync } from 'node:zlib'
import { startEmulator, type EmulatorOptions } from 'fastify-app-insights/emulator'
import t, { type Test } from 'tap'
import { post, trace } from '../fixtures/envelopes'

async function start (t: Test, options?: EmulatorOptions) {
  const emulator = await startEmulator(options)
  t.teardown(() => emulator.close())
  return emulator
}

/** Almost 10 MB each, and some 10 kB packed. */
const BOMBS: Record<string, string> = {
  numbers: `[${'1,'.repeat(4_900_000)}1]`,
  objects: `[${'{},'.repeat(3_300_000)}{}]`,
  arrays: `[${'[],'.repeat(3_300_000)}[]]`,
  'one object': `{"a":[${'{},'.repeat(3_300_000)}{}]}`,
  lines: '{"a":1}\n'.repeat(1_200_000),
  'white space': ' '.repeat(9_999_999)
}

t.test('seventy bombs at once stay below 300 MB, and the answers are short', { timeout: 300_000 }, async t => {
  for (const [name, text] of Object.entries(BOMBS).slice(0, 1)) {
    // A process of its own: what the test runner takes is not to be measured.
    const child = spawn(process.execPath, [join(__dirname, '../fixtures/emulator-alone.cjs')], { env: { ...process.env, NODE_OPTIONS: '' }, stdio: ['pipe', 'pipe', 'inherit'] })
    t.teardown(() => child.kill())
    const lines = child.stdout.setEncoding('utf8')
    const line = async (): Promise<string> => await new Promise(resolve => lines.once('data', resolve))
    const url = (await line()).trim()
    const bomb = gzipSync(text)
    t.ok(bomb.length < 20_000)
    const answers = await Promise.all(Array.from({ length: 70 }, async () => await (await fetch(`${url}/v2.1/track`, { method: 'POST', headers: { 'content-encoding': 'gzip' }, body: new Uint8Array(bomb) })).text()))
    t.ok(answers.every(answer => answer.length < 1_000), name)
    const told = line()
    child.stdin.write('peak\n')
    const peak = Number(await told)
    t.ok(peak < 300_000_000, `${name}: at most ${Math.round(peak / 1e6)} MB`)
    child.kill()
  }
})

t.test('no bomb is answered by more than it was, nor is a row', { timeout: 120_000 }, async t => {
  const emulator = await start(t)
  for (const [name, text] of Object.entries(BOMBS)) {
    const answer = await fetch(`${emulator.url}/v2.1/track`, { method: 'POST', headers: { 'content-encoding': 'gzip' }, body: new Uint8Array(gzipSync(text)) })
    t.ok(answer.status === 400 || answer.status === 413, name)
    t.ok((await answer.text()).length < 1_000, name)
  }
  const many = await post(emulator.url, Array.from({ length: 20_000 }, () => ({ no: 'envelope' })))
  t.match(many.body, { itemsReceived: 20_000, itemsAccepted: 0 })
  t.ok(JSON.stringify(many.body).length < 300_000, 'errors in an answer are bounded')
  t.equal(emulator.items().length, 0)
  t.equal((await post(emulator.url, [trace()])).status, 200, 'and it keeps running')
})

t.test('large posts of good rows are rows, in their order', async t => {
  const emulator = await start(t)
  const items = Array.from({ length: 3_000 }, (_, index) => trace(`${index} "}],[{\\" ${'x'.repeat(600)}`))
  for (const body of [JSON.stringify(items), JSON.stringify(items, undefined, 1), items.map(item => JSON.stringify(item)).join('\n')]) {
    emulator.clear()
    t.match(await post(emulator.url, body, { gzip: true }), { status: 200, body: { itemsReceived: 3_000, itemsAccepted: 3_000 } })
    t.strictSame(emulator.items().map(row => row.message), items.map(item => (item.data.baseData as unknown as { message: string }).message))
  }
  const broken = JSON.stringify(items)
  for (const body of [broken.slice(0, -1), `${broken},`, broken.replace('},{', '},,{'), `[${broken}`]) t.equal((await post(emulator.url, body)).status, 400)
})

t.test('a request target that is no URL is 400', async t => {
  const emulator = await start(t)
  const port = Number(new URL(emulator.url).port)
  for (const target of ['http://[::1', 'http://', 'http://a b']) {
    const answer = await new Promise<string>((resolve, reject) => {
      const socket = net.connect(port, '127.0.0.1', () => socket.write(`GET ${target} HTTP/1.1\r\nHost: 127.0.0.1:${port}\r\nConnection: close\r\n\r\n`))
      let text = ''
      socket.setEncoding('utf8').on('data', chunk => { text += chunk }).on('close', () => resolve(text)).on('error', reject)
    })
    t.ok(answer === '' || answer.startsWith('HTTP/1.1 400 '), `${target}: ${answer.split('\r\n')[0]}`)
  }
  t.equal((await post(emulator.url, [trace()])).status, 200)
})

t.test('values of any type make a row or a reason, never an error of the emulator', async t => {
  const emulator = await start(t)
  const odd: unknown[] = [null, 7, 'text', [], {}, { toString: 1, valueOf: 1 }, [[[]]]]
  for (const value of odd) {
    for (const item of [
      trace('x', {}, { sampleRate: value }), trace('x', { severityLevel: value }), trace('x', { properties: value }), trace('x', { properties: { a: value } }),
      { ...trace(), tags: value } as object, { ...trace(), tags: { 'ai.user.id': value } }, { ...trace(), data: { baseType: 'MetricData', baseData: { metrics: [{ name: value, value, count: value }] } } },
      { ...trace(), data: { baseType: 'ExceptionData', baseData: { exceptions: [{ typeName: 'T', message: 'm', parsedStack: [{ method: value }], stack: value }] } } },
      { ...trace(), data: { baseType: 'PerformanceCounterData', baseData: { counterName: value, value } } }
    ]) t.ok([200, 400].includes((await post(emulator.url, [item])).status), JSON.stringify(item))
  }
  t.equal((await fetch(`${emulator.url}/api/rows?limit=1000`)).status, 200)
  t.equal((await fetch(`${emulator.url}/api/health`)).status, 200)
})

t.test('an export adds no listener however slow its reader is, and ends with what was there', async t => {
  const emulator = await start(t)
  const warnings: Error[] = []
  const note = (warning: Error): void => { warnings.push(warning) }
  process.on('warning', note)
  t.teardown(() => { process.removeListener('warning', note) })
  for (let n = 0; n < 20; n++) await post(emulator.url, Array.from({ length: 100 }, (_, index) => trace(`${n}-${index} ${'x'.repeat(9_000)}`)))
  const answer = await fetch(`${emulator.url}/api/export`)
  const reader = answer.body!.getReader()
  let bytes = (await reader.read()).value!.length
  await post(emulator.url, [trace('too late')])
  let text = ''
  for (;;) {
    const { value, done } = await reader.read()
    if (done) break
    bytes += value.length
    text = Buffer.from(value).toString()
    await new Promise(resolve => setImmediate(resolve))
  }
  t.ok(bytes > 18_000_000)
  t.notMatch(text, /too late/)
  t.strictSame(warnings, [])
})

t.test('an import is read line by line; a JSON array is taken too', async t => {
  const emulator = await start(t)
  const put = async (body: string) => { const answer = await fetch(`${emulator.url}/api/import`, { method: 'POST', body }); return { status: answer.status, body: await answer.json() as object } }
  const lines = Array.from({ length: 20_000 }, (_, index) => JSON.stringify(trace(`${index} ${'x'.repeat(700)}`)))
  lines.splice(10, 0, 'not JSON', '', JSON.stringify({ no: 'envelope' }))
  t.match(await put(lines.join('\n')), { status: 200, body: { itemsReceived: 20_002, itemsAccepted: 20_000, errors: [{ index: 10 }, { index: 11 }] } })
  t.equal(emulator.items().length, 20_000)
  t.match(await put(JSON.stringify([trace('a'), trace('b')])), { status: 200, body: { itemsAccepted: 2 } })
  t.equal((await put('x'.repeat(3_000_000))).status, 413)
  t.equal((await put(`[${'1,'.repeat(6_000_000)}1]`)).status, 413)
})
