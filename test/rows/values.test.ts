/** What an app may put into a property: whatever it is, what can be told of it arrives, and the other properties with it. */
import { runInNewContext } from 'node:vm'
import type { AppInsightsOptions } from 'fastify-app-insights'
import t from 'tap'
import { createRunner } from '../fixtures/rows'
import { start } from '../fixtures/start'

type Given = Record<string, never>

class OrderError extends Error { orderId = 42 }
class Point { x = 1; y = 2; move (): void {} }
class Hidden { #secret = 7; toString (): string { return `hidden ${this.#secret}` } }
const circular: Record<string, unknown> = { a: 1 }
circular.self = circular
const revoked = Proxy.revocable({}, {})
revoked.revoke()
const hostile = new Proxy({}, { get () { throw new Error('get') }, ownKeys () { throw new Error('ownKeys') }, getPrototypeOf () { throw new Error('getPrototypeOf') }, has () { throw new Error('has') } })
const deep: Record<string, unknown> = {}
for (let i = 0, at = deep; i < 50_000; i++) at = at.next = {} as Record<string, unknown>

/** Of one property; undefined where it is left out. */
const cases: Array<[name: string, value: unknown, arrives: string | RegExp | undefined]> = [
  ['a string', 'text', 'text'],
  ['half a character', 'x\ud800', 'x\ufffd'],
  ['a number', 1.5, '1.5'],
  ['minus zero', -0, '0'],
  ['NaN', NaN, 'NaN'],
  ['a boolean', false, 'false'],
  ['undefined', undefined, undefined],
  ['a BigInt', 9007199254740993n, '9007199254740993'],
  ['BigInts within', { id: 9007199254740993n, list: [-123456789012345678901234567890n] }, '{"id":9007199254740993,"list":[-123456789012345678901234567890]}'],
  ['a symbol', Symbol('sign'), 'Symbol(sign)'],
  ['a function', function paint () {}, '[Function: paint]'],
  ['undefined and methods within', { a: undefined, f () {}, b: 1 }, '{"b":1}'],
  ['undefined and a function in a list', [undefined, () => 1, 2], '[null,null,2]'],
  ['an Error', new OrderError('broke'), /^\{"type":"OrderError","message":"broke","stack":"Error: broke\\n {4}at .*"orderId":42\}$/],
  ['an Error with a code and a cause', Object.assign(new Error('outer', { cause: new TypeError('inner') }), { code: 'E_OUT' }), /^\{"type":"Error","message":"outer","code":"E_OUT",.*"cause":\{"type":"TypeError","message":"inner"/],
  ['an Error of another realm', runInNewContext('Object.assign(new TypeError("far away"), { code: "E_FAR", extra: 1 })'), /^\{"type":"TypeError","message":"far away","code":"E_FAR","stack":".*"extra":1\}$/],
  ['an Error within', { failure: new RangeError('far') }, /^\{"failure":\{"type":"RangeError","message":"far"/],
  ['an AggregateError', new AggregateError([new Error('one'), 'two'], 'many'), /"message":"many".*"errors":\[\{"type":"Error","message":"one".*,"two"\]/],
  ['a DOMException', new DOMException('stopped', 'AbortError'), /^\{"type":"AbortError","message":"stopped","code":20,"stack"/],
  ['a Map', new Map<unknown, unknown>([['a', 1], [2, { b: new Set([3]) }]]), '{"a":1,"2":{"b":[3]}}'],
  ['a Map of objects', new Map([[{ a: 1 }, 'b']]), '[[{"a":1},"b"]]'],
  ['a Set', new Set([1, 'a', new Date(0)]), '[1,"a","1970-01-01T00:00:00.000Z"]'],
  ['a Date', new Date(0), '1970-01-01T00:00:00.000Z'],
  ['a Date that is none', new Date(NaN), 'Invalid Date'],
  ['a Buffer', Buffer.from('ab'), '{"type":"Buffer","data":[97,98]}'],
  ['typed arrays', [new Uint8Array([1]), new Float32Array([NaN, 0.5]), new BigUint64Array([5n]), new Uint8Array([7]).buffer], '[[1],[null,0.5],[5],[7]]'],
  ['an instance of a class', new Point(), '{"x":1,"y":2}'],
  ['an object that says what it is', [new Hidden(), /a.b/g, new URL('http://a.test/b?c=d'), new URLSearchParams('a=1')], '["hidden 7","/a.b/g","http://a.test/b?c=d","a=1"]'],
  ['an object without a prototype', Object.assign(Object.create(null), { a: 1 }), '{"a":1}'],
  ['toJSON', { toJSON: () => ({ price: 5n }) }, '{"price":5}'],
  ['toJSON that throws', { a: 1, toJSON () { throw new Error('no') } }, '{"a":1}'],
  ['toJSON that gives itself', { a: 1, toJSON () { return this } }, '{"a":1}'],
  ['a circular object', circular, '{"a":1,"self":"[Circular]"}'],
  ['one object twice', { a: deep.none, b: [circular, circular] }, '{"b":[{"a":1,"self":"[Circular]"},{"a":1,"self":"[Circular]"}]}'],
  ['a getter that throws', { a: 1, get b () { throw new Error('no') }, c: 3 }, '{"a":1,"b":"[unreadable]","c":3}'],
  ['a proxy', new Proxy({ a: 1 }, {}), '{"a":1}'],
  ['a proxy that throws', hostile, '[unreadable]'],
  ['a revoked proxy', revoked.proxy, '[unreadable]'],
  ['hostile ones within', { a: 1, hostile, revoked: revoked.proxy, list: [hostile] }, '{"a":1,"hostile":"[unreadable]","revoked":"[unreadable]","list":["[unreadable]"]}'],
  ['a boxed value', Object('text'), 'text'],
  ['fifty thousand levels', deep, /^(?:\{"next":){20}"\[Object\]"\}{20}$/],
  ['a million items', new Array(1_000_000).fill(7), /^\[7,7,.*…\(cut from over 8\d{3}\)$/],
  ['a huge text within', { text: 'x'.repeat(10_000_000) }, /^\{"text":"x+…\(cut from over 8\d{3}\)$/],
  ['a list without end', new Proxy([], { get: (_target, name) => name === 'length' ? Infinity : 1 }), /^\[1,1,.*…\(cut from over 8\d{3}\)$/]
]

const properties = Object.fromEntries(cases.map(([name, value]) => [name, value])) as Given
const throwing = Object.defineProperty({ before: 1, after: 2 }, 'between', { enumerable: true, get () { throw new Error('no') } }) as unknown as Given

t.test('a property arrives as far as it can be told', async t => {
  const { app, send, emulator, flush } = await start(t, {
    options: { requests: { enrich: request => request.url === '/enrich' ? properties : undefined } },
    routes: app => {
      app.get('/event', async request => { request.appInsights.trackEvent('sold', properties) })
      app.get('/exception', async request => { request.appInsights.trackException(new Error('tracked'), properties) })
      app.get('/enrich', async () => 'ok')
      app.get('/set', async request => { for (const [name, value] of Object.entries(properties)) request.appInsights.set(name, value) })
      app.get('/line', async request => {
        // pino itself throws at what is hostile on the first level.
        request.log.info({ properties: { list: cases.map(([, value]) => value) } }, 'line')
      })
    }
  })
  for (const path of ['/event', '/exception', '/enrich', '/set', '/line']) t.equal((await send(path)).status, 200, path)
  app.appInsights.trackMetric('weight', 1, properties)
  await flush()
  const rows = {
    event: emulator.items({ type: 'event', name: 'sold' }),
    exception: emulator.items({ type: 'exception', message: 'tracked' }),
    enrich: emulator.items({ type: 'request', name: 'GET /enrich' }),
    set: emulator.items({ type: 'request', name: 'GET /set' }),
    metric: emulator.items({ type: 'metric', name: 'weight' })
  }
  for (const [how, [row, ...others]] of Object.entries(rows)) {
    t.test(how, async t => {
      t.equal(others.length, 0, 'one row')
      for (const [name, , arrives] of cases) {
        if (arrives === undefined) t.notOk(name in row!.customDimensions, `${name} is left out`)
        else if (typeof arrives === 'string') t.equal(row!.customDimensions[name], arrives, name)
        else t.match(row!.customDimensions[name], arrives, name)
      }
    })
  }
  t.equal(emulator.items({ type: 'trace', message: 'line' }).length, 1)
})

t.test('a property that cannot be read does not take the others along', async t => {
  const run = await createRunner(t)
  const { events, requests, exceptions } = await run({
    options: { requests: { enrich: () => throwing } },
    routes: app => {
      app.get('/', async request => {
        request.appInsights.trackEvent('sold', throwing, Object.defineProperty({ weight: 1, count: 3n, none: NaN, word: 'x' }, 'size', { enumerable: true, get () { throw new Error('no') } }) as unknown as Record<string, number>)
        request.appInsights.trackException(new Error('tracked'), throwing)
      })
    }
  })
  for (const row of [events[0], requests[0], exceptions[0]]) t.match(row!.customDimensions, { before: '1', between: '[unreadable]', after: '2' })
  t.strictSame(events[0]!.customMeasurements, { weight: 1, count: 3 })
})

t.test('half an emoji, left by a text that was cut, arrives as a replacement character: strict parsers refuse it', async t => {
  const half = '😀'.slice(0, -1)
  const { send, emulator, flush } = await start(t, {
    routes: app => {
      app.get('/', async request => {
        request.appInsights.span.setAttributes({ cut: half, twice: `${half}${half}`, whole: '😀', list: [half], spelled: '\\ud83d', [half]: 'name' })
        request.appInsights.span.addEvent(half)
      })
    }
  })
  await send('/')
  await flush()
  const { customDimensions } = emulator.items({ type: 'request' })[0]!
  t.match(customDimensions, { cut: '\ufffd', twice: '\ufffd\ufffd', whole: '😀', spelled: '\\ud83d', '\ufffd': 'name' })
  t.equal(emulator.items({ type: 'trace', message: '\ufffd' }).length, 1)
})

t.test('more properties than a row may hold are counted', async t => {
  const run = await createRunner(t)
  const { events } = await run({ routes: app => { app.get('/', async request => { request.appInsights.trackEvent('sold', Object.fromEntries(Array.from({ length: 250 }, (_, i) => [`p${i}`, i]))) }) } })
  t.match(events[0]!.customDimensions, { p0: '0', p99: '99', droppedFields: '150' })
  t.notOk('p100' in events[0]!.customDimensions)
})

t.test('properties of the instance may be left undefined', async t => {
  const run = await createRunner(t)
  const options = { properties: { region: 'west' } } satisfies AppInsightsOptions
  const { requests } = await run({ options, routes: app => { app.get('/', async () => 'ok') } })
  t.match(requests[0]!.customDimensions, { region: 'west' })
})
