/** Numbers of a log line arrive with the digits that were written. */
import t from 'tap'
import { ExactNumber, parseExactly, stringifyExactly } from '../../dist/rows/exact-json.js'
import { createRunner } from '../fixtures/rows'
import { sink, start } from '../fixtures/start'

const ID = 9007199254740993n
const DIGITS = String(ID)

t.test('a line shows the digits that were written', async t => {
  const { send, emulator, flush } = await start(t, {
    server: { logger: { stream: sink(), hooks: { streamWrite: line => line.replace('"PRICE"', '0.12345678901234567890') } } },
    routes: app => {
      app.get('/', async request => {
        request.log.info({ id: ID, negative: -ID, nested: { list: [{ id: ID }], text: `"${DIGITS}\\` }, long: 123456789012345678901234567890n, price: 'PRICE', ratio: 0.1, huge: 1.5e300, small: 42n, text: DIGITS }, 'placed')
        request.log.error(Object.assign(new Error('not placed'), { orderId: ID, nested: { id: ID }, code: 'E' }), 'sorry')
        request.log.warn({ err: Object.assign(new Error('nearly'), { orderId: ID }) }, 'careful')
        request.log.child({ tenant: ID }).info('bound')
        request.log.info({ msg: ID })
      })
    }
  })
  await send('/')
  await flush()
  const of = (message: string): Record<string, string> => emulator.items({ type: 'trace', message })[0]!.customDimensions
  t.match(of('placed'), {
    id: DIGITS,
    negative: `-${DIGITS}`,
    nested: `{"list":[{"id":${DIGITS}}],"text":"\\"${DIGITS}\\\\"}`,
    long: '123456789012345678901234567890',
    price: '0.12345678901234567890',
    ratio: '0.1',
    huge: '1.5e+300',
    small: '42',
    text: DIGITS
  })
  t.match(of('careful').err, `"orderId":${DIGITS}`)
  t.equal(of('bound').tenant, DIGITS)
  t.equal(emulator.items({ type: 'trace', message: DIGITS }).length, 1, 'also where it is the message')
  t.match(emulator.items({ type: 'exception' }), [{ customDimensions: { err: `{"nested":{"id":${DIGITS}},"orderId":${DIGITS}}`, code: 'E' } }])
})

t.test('with a filter or redaction of ours too, and the filter may still compute with them', async t => {
  const run = await createRunner(t)
  const seen: unknown[] = []
  const { traces } = await run({
    options: { logs: { redact: ['secret', 'a[*].b'], filter: ({ fields }) => { seen.push(Number(fields.id) > 5, JSON.stringify(fields.id), String(fields.id)); return true } } },
    routes: app => { app.get('/', async request => { request.log.info({ id: ID, secret: ID, a: [{ b: ID, c: ID }] }, 'placed') }) }
  })
  t.match(traces, [{ customDimensions: { id: DIGITS, secret: '[Redacted]', a: `[{"b":"[Redacted]","c":${DIGITS}}]` } }])
  t.strictSame(seen.slice(0, 3), [true, '9007199254740992', DIGITS])
})

t.test('a text of JSON comes back as it was', async t => {
  const random = createRandom(20_260_101)
  const pick = <T>(items: T[]): T => items[Math.floor(random() * items.length)]!
  const digits = (): string => Array.from({ length: 1 + Math.floor(random() * 30) }, () => Math.floor(random() * 10)).join('').replace(/^0+(?=\d)/, '')
  const number = (): string => `${pick(['', '-'])}${digits()}${pick(['', '', `.${digits()}7`])}`
  const string = (): string => JSON.stringify(pick([digits(), `"${digits()}`, `${digits()}\\`, `\\"${digits()}\\\\"`, `{"a":${digits()}}`, '']))
  const value = (depth: number): string => {
    const kind = depth > 3 ? 0 : Math.floor(random() * 4)
    if (kind < 2) return random() < 0.5 ? number() : string()
    const items = Array.from({ length: Math.floor(random() * 4) }, () => value(depth + 1))
    return kind === 2 ? `[${items.join()}]` : `{${items.map((item, at) => `"k${at}${digits()}":${item}`).join()}}`
  }
  for (let i = 0; i < 3_000; i++) {
    const text = value(0)
    // Short numbers are JSON's own, which writes some of them in another way.
    const isExact = (found: string): boolean => String(Number(found)) === found || found.length >= 16
    const numbers = text.replaceAll(/"(?:[^"\\]|\\.)*"/g, '').match(/-?\d[\d.]*/g) ?? []
    if (!numbers.every(isExact)) continue
    if (stringifyExactly(parseExactly(text)) !== text) t.equal(stringifyExactly(parseExactly(text)), text)
  }
  t.throws(() => parseExactly('{"a":9007199254740993'), SyntaxError)
  t.strictSame(parseExactly('{"__proto__":9007199254740993}'), JSON.parse('{"__proto__":1}', (name, given) => name === '' ? given : new ExactNumber(DIGITS)))
})

/** The same numbers in every run. */
function createRandom (seed: number): () => number {
  let state = seed
  return () => {
    state = (state * 1_664_525 + 1_013_904_223) >>> 0
    return state / 2 ** 32
  }
}
