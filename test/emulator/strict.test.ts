/** What Azure refuses, the emulator refuses: with the item's place and the reason. */
import { isIP } from 'node:net'
import fc from 'fast-check'
import { startEmulator, type EmulatorOptions } from 'fastify-app-insights/emulator'
import t, { type Test } from 'tap'
import { isAddress } from '../../dist/emulator/limits.js'
import { dependency, envelope, exception, post, request, trace } from '../fixtures/envelopes'

async function start (t: Test, options?: EmulatorOptions) {
  const emulator = await startEmulator(options)
  t.teardown(() => emulator.close())
  return emulator
}

const details = (more: object) => exception({ exceptions: [{ typeName: 'TypeError', message: 'no user', hasFullStack: true, stack: 'TypeError: no user', ...more }] })
const tagged = (tag: string, value: unknown) => trace('x', {}, { tags: { 'ai.operation.id': '1', [tag]: value } })
const metric = (point: object) => envelope('MetricData', { metrics: [{ name: 'queue', value: 1, ...point }] })

const refused: Array<[what: string, item: unknown, reason: RegExp]> = [
  ['an exception without a message', details({ message: '' }), /^109: Field 'message' on type 'ExceptionDetails' is required but missing or empty/],
  ['an exception with a blank message', details({ message: ' \n' }), /'message'.*missing or empty/],
  ['an exception without a type', details({ typeName: undefined }), /^109: Field 'typeName' on type 'ExceptionDetails'/],
  ['an inner exception without a message', exception({ exceptions: [{ typeName: 'A', message: 'a' }, { typeName: 'B', message: '' }] }), /'message'/],
  ['a message that is too long', details({ message: 'm'.repeat(32_769) }), /^100: Field 'message' on type 'ExceptionDetails' is too long. Expected: 32768 characters, Actual: 32769$/],
  ['a stack that is too long', details({ stack: 's'.repeat(32_769) }), /'stack'.*too long/],
  ['a trace without a message', trace(''), /^109: Field 'message' on type 'MessageData'/],
  ['a trace with too long a message', trace('m'.repeat(32_769)), /'message' on type 'MessageData' is too long/],
  ['a session that is too long', tagged('ai.session.id', 's'.repeat(65)), /^100: Field 'ai.session.id' on type 'ContextTagKeys' is too long. Expected: 64 characters, Actual: 65$/],
  ['an operation name that is too long', tagged('ai.operation.name', 'o'.repeat(1_025)), /'ai.operation.name'.*1024 characters, Actual: 1025/],
  ['a user that is too long', tagged('ai.user.authUserId', 'u'.repeat(1_025)), /'ai.user.authUserId'/],
  ['a role that is too long', tagged('ai.cloud.role', 'r'.repeat(257)), /'ai.cloud.role'/],
  ['an address with a port', tagged('ai.location.ip', '203.0.113.7:52344'), /'ai.location.ip'.*IP address/],
  ['an address that is a name', tagged('ai.location.ip', 'unknown'), /'ai.location.ip'/],
  ['a tag that is no text', tagged('ai.user.id', 7), /'ai.user.id'.*Expected: string, Actual: number/],
  ['a request without an id', request({ id: '' }), /'id' on type 'RequestData'/],
  ['a request without a result', request({ responseCode: '' }), /'responseCode'/],
  ['a url that is too long', request({ url: `http://x/${'u'.repeat(2_048)}` }), /'url' on type 'RequestData' is too long/],
  ['a request of sixty seconds', request({ duration: '00:00:60.0000000' }), /'duration'/],
  ['a request of a thousand days', request({ duration: '1000.00:00:00' }), /'duration'/],
  ['a dependency without a name', dependency({ name: '' }), /'name' on type 'RemoteDependencyData'/],
  ['a dependency with too long a command', dependency({ data: 'd'.repeat(8_193) }), /'data'/],
  ['an event without a name', envelope('EventData', { name: '' }), /'name' on type 'EventData'/],
  ['an event with too long a name', envelope('EventData', { name: 'e'.repeat(513) }), /'name'.*512/],
  ['a measurement that is no number', envelope('EventData', { name: 'e', measurements: { a: null } }), /'measurements'.*double, Actual: null/],
  ['a metric that is NaN', metric({ value: NaN }), /'value' on type 'DataPoint'.*double, Actual: null/],
  ['a metric whose largest value is infinite', metric({ max: Infinity }), /'max' on type 'DataPoint'/],
  ['a metric without a name', metric({ name: '' }), /'name' on type 'DataPoint'/],
  ['an availability result without an id', envelope('AvailabilityData', { id: '', name: 'ping', duration: '00:00:01', success: true }), /'id'/],
  ['an item over 65,536 bytes', trace('x', { properties: Object.fromEntries(Array.from({ length: 10 }, (_, n) => [n, 'v'.repeat(7_000)])) }), /Telemetry item length must not exceed 65536/],
  ['an item over 65,536 bytes, of fewer characters', trace('漢'.repeat(22_000)), /Telemetry item length must not exceed 65536/]
]

t.test('an item that Azure refuses is refused with its place and the reason, and is no row', async t => {
  const emulator = await start(t)
  for (const [what, item, reason] of refused) {
    emulator.clear()
    const answer = await post(emulator.url, [trace('good'), item])
    t.match({ status: answer.status, ...answer.body }, { status: 206, itemsReceived: 2, itemsAccepted: 1, errors: [{ index: 1, statusCode: 400, message: reason }] }, what)
    t.equal(answer.body.errors.length, 1)
    t.strictSame(emulator.items().map(row => row.message), ['good'])
    t.match(emulator.refused, [{ statusCode: 400, message: reason }])
  }
  const health = await (await fetch(`${emulator.url}/api/health`)).json() as { refused: unknown[] }
  t.equal(health.refused.length, 1, 'Health shows it')
})

t.test('what Azure takes is taken, to the last character', async t => {
  const emulator = await start(t)
  const items = [
    details({ message: 'm'.repeat(32_768), stack: 's'.repeat(30_000) }),
    tagged('ai.session.id', 's'.repeat(64)), tagged('ai.operation.name', 'o'.repeat(1_024)),
    ...['203.0.113.7', '2001:db8::1', '::1', '::ffff:10.0.0.1', ''].map(ip => tagged('ai.location.ip', ip)),
    request({ url: 'u'.repeat(2_048), duration: '999.23:59:59.9999999' }),
    dependency({ data: 'd'.repeat(8_192) }),
    envelope('EventData', { name: 'e'.repeat(512) }),
    metric({ value: -1.5, count: 3, min: -2, max: 0 }),
    trace('a conversation', { properties: { 'gen_ai.input.messages': 'q'.repeat(262_144), 'gen_ai.output.messages': 'a'.repeat(262_144) } })
  ]
  t.match(await post(emulator.url, items), { status: 200, body: { itemsAccepted: items.length, errors: [] } })
  t.equal(emulator.items().length, items.length)
})

t.test('a lenient emulator keeps them, and Health says why Azure would not', async t => {
  const emulator = await start(t, { lenient: true })
  t.equal((await post(emulator.url, refused.map(([, item]) => item))).status, 200)
  t.equal(emulator.items().length, refused.length)
  const { findings } = await (await fetch(`${emulator.url}/api/health`)).json() as { findings: Array<{ verdict: string, reason: string }> }
  for (const [what, , reason] of refused) t.ok(findings.some(({ verdict, reason: found }) => verdict === 'rejected' && reason.test(found)), what)
})

t.test('a wait that fails says what was refused', async t => {
  const emulator = await start(t)
  await post(emulator.url, [details({ message: '' }), trace('good')])
  await t.rejects(emulator.waitFor({ type: 'exception' }, { timeout: 50 }), { message: /Refused: 400 109: Field 'message'/ })
})

t.test('an address is what Node says is one', async () => {
  const part = fc.constantFrom('::', ':', '1', 'ffff', '12345', 'g', '0', '10.0.0.1', '256.1.1.1', '.', '1.2.3', '01.2.3.4', '')
  fc.assert(fc.property(fc.oneof(fc.ipV4(), fc.ipV6(), fc.array(part, { maxLength: 9 }).map(parts => parts.join('')), fc.array(fc.constantFrom('0', 'a', 'ffff'), { maxLength: 9 }).map(parts => parts.join(':'))), text => {
    if (text.length <= 46 && isAddress(text) !== (isIP(text) !== 0)) throw new Error(text)
  }), { numRuns: 3_000, seed: 7 })
})
