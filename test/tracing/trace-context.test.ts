/** Test cases for W3C Trace Context, levels 1 and 2, over real sockets: what the caller sends, and what the callee gets. */
import { type IncomingHttpHeaders, createServer, request as httpRequest } from 'node:http'
import { once } from 'node:events'
import type { AddressInfo } from 'node:net'
import { ROOT_CONTEXT, context } from '@opentelemetry/api'
import { suppressTracing } from '@opentelemetry/core'
import t, { type Test } from 'tap'
import { start } from '../fixtures/start'

const TRACE = '12345678901234567890123456789012'
const PARENT = '1234567890123456'
const VALID = `00-${TRACE}-${PARENT}-01`

interface Case {
  readonly says: string
  readonly traceparent: readonly string[]
  readonly tracestate?: readonly string[]
  /** Whether the callee is in the caller's trace. */
  readonly joins: boolean
  /** The callee's tracestate; undefined if it has none. */
  readonly state?: string
}

const CASES: Case[] = [
  { says: 'a valid header', traceparent: [VALID], joins: true },
  { says: 'no header', traceparent: [], joins: false },
  { says: 'two headers', traceparent: [VALID, `00-${TRACE}-${PARENT}-00`], joins: false },
  { says: 'spaces around it', traceparent: [` ${VALID} `], joins: true },
  { says: 'a version of the future', traceparent: [`cc-${TRACE}-${PARENT}-01`], joins: true },
  { says: 'a version of the future with more in it', traceparent: [`cc-${TRACE}-${PARENT}-01-what-the-future-will-be-like`], joins: true },
  { says: 'a version of the future with something that is not set apart', traceparent: [`cc-${TRACE}-${PARENT}-01.what`], joins: false },
  { says: 'version 00 with more in it', traceparent: [`${VALID}-what`], joins: false },
  { says: 'version 00 with a dash at its end', traceparent: [`${VALID}-`], joins: false },
  { says: 'version ff', traceparent: [`ff-${TRACE}-${PARENT}-01`], joins: false },
  { says: 'a version that is no number', traceparent: [`.0-${TRACE}-${PARENT}-01`], joins: false },
  { says: 'a version too short', traceparent: [`0-${TRACE}-${PARENT}-01`], joins: false },
  { says: 'a version too long', traceparent: [`000-${TRACE}-${PARENT}-01`], joins: false },
  { says: 'a trace id of zeros', traceparent: [`00-${'0'.repeat(32)}-${PARENT}-01`], joins: false },
  { says: 'a trace id with another character', traceparent: [`00-.${TRACE.slice(1)}-${PARENT}-01`], joins: false },
  { says: 'a trace id in capitals', traceparent: [`00-ABCDEF${TRACE.slice(6)}-${PARENT}-01`], joins: false },
  { says: 'a trace id too short', traceparent: [`00-${TRACE.slice(1)}-${PARENT}-01`], joins: false },
  { says: 'a trace id too long', traceparent: [`00-${TRACE}0-${PARENT}-01`], joins: false },
  { says: 'a parent id of zeros', traceparent: [`00-${TRACE}-${'0'.repeat(16)}-01`], joins: false },
  { says: 'a parent id with another character', traceparent: [`00-${TRACE}-.${PARENT.slice(1)}-01`], joins: false },
  { says: 'a parent id too short', traceparent: [`00-${TRACE}-${PARENT.slice(1)}-01`], joins: false },
  { says: 'a parent id too long', traceparent: [`00-${TRACE}-${PARENT}0-01`], joins: false },
  { says: 'flags with another character', traceparent: [`00-${TRACE}-${PARENT}-.0`], joins: false },
  { says: 'flags too short', traceparent: [`00-${TRACE}-${PARENT}-1`], joins: false },
  { says: 'flags too long', traceparent: [`00-${TRACE}-${PARENT}-001`], joins: false },
  { says: 'tracestate beside a valid header', traceparent: [VALID], tracestate: ['foo=1,bar=2'], joins: true, state: 'foo=1,bar=2' },
  { says: 'tracestate in two headers', traceparent: [VALID], tracestate: ['foo=1', 'bar=2'], joins: true, state: 'foo=1,bar=2' },
  { says: 'tracestate with spaces and tabs', traceparent: [VALID], tracestate: ['foo=1 \t , \t bar=2'], joins: true, state: 'foo=1,bar=2' },
  { says: 'tracestate with empty members', traceparent: [VALID], tracestate: ['foo=1,,bar=2'], joins: true, state: 'foo=1,bar=2' },
  { says: 'tracestate of several tenants', traceparent: [VALID], tracestate: ['fw529a3039@dt=FfffAAA'], joins: true, state: 'fw529a3039@dt=FfffAAA' },
  { says: 'an empty tracestate', traceparent: [VALID], tracestate: [''], joins: true },
  { says: 'tracestate without traceparent', traceparent: [], tracestate: ['foo=1'], joins: false },
  { says: 'tracestate beside an invalid traceparent', traceparent: ['nonsense'], tracestate: ['foo=1'], joins: false }
]

interface Pair { send: (headers: string[]) => Promise<IncomingHttpHeaders> }

/** An app that calls another server in its handler. */
async function gateway (t: Test, how: 'fetch' | 'node:http'): Promise<Pair> {
  const seen: IncomingHttpHeaders[] = []
  const callee = createServer((request, response) => {
    seen.push(request.headers)
    response.end()
  }).listen(0, '127.0.0.1')
  await once(callee, 'listening')
  t.teardown(() => { callee.closeAllConnections(); callee.close() })
  const url = `http://127.0.0.1:${(callee.address() as AddressInfo).port}/`
  const { port } = await start(t, {
    routes: app => {
      app.get('/', async () => {
        if (how === 'fetch') await (await fetch(url)).text()
        else await get(url, [])
      })
    }
  })
  return {
    async send (headers) {
      // The caller isn't part of the app, even though it shares the app's process here.
      await context.with(suppressTracing(ROOT_CONTEXT), get, undefined, `http://127.0.0.1:${port}/`, ['host', `127.0.0.1:${port}`, ...headers])
      return seen.pop()!
    }
  }
}

async function get (url: string, headers: string[]): Promise<void> {
  const request = httpRequest(url, headers.length === 0 ? { agent: false } : { agent: false, headers }).end()
  const [response] = await once(request, 'response') as [NodeJS.ReadableStream]
  await once(response.resume(), 'end')
}

for (const how of ['fetch', 'node:http'] as const) {
  t.test(`Trace Context, with ${how}`, async t => {
    const { send } = await gateway(t, how)
    for (const { says, traceparent, tracestate = [], joins, state } of CASES) {
      const headers = await send([...traceparent.flatMap(value => ['traceparent', value]), ...tracestate.flatMap(value => ['tracestate', value])])
      const [version, traceId, parentId, flags] = String(headers.traceparent).split('-')
      t.match({ version, traceId, parentId, flags }, { version: '00', traceId: joins ? TRACE : /^(?!0{32})[\da-f]{32}$/, parentId: /^(?!0{16})[\da-f]{16}$/, flags: '01' }, says)
      t.not(parentId, PARENT)
      if (!joins) t.not(traceId, TRACE)
      t.equal(headers.tracestate === '' ? undefined : headers.tracestate, state, `${says}: tracestate`)
    }
  })

  t.test(`Trace Context, level 2, with ${how}: the random flag is kept, unknown flags are not`, async t => {
    const { send } = await gateway(t, how)
    for (const [sent, passed] of [['03', '03'], ['02', '03'], ['01', '01'], ['ff', '03'], ['fc', '01']]) {
      t.equal((await send(['traceparent', `00-${TRACE}-${PARENT}-${sent}`])).traceparent?.slice(-2), passed, sent)
    }
  })
}

t.test('the random flag is kept even when sampled out', async t => {
  const seen: unknown[] = []
  const { app, url } = await start(t, {
    options: { samplingRatio: 0 },
    routes: app => {
      app.get('/callee', { config: { appInsights: false } }, async request => { seen.push(request.headers.traceparent) })
      app.get('/', async () => { await fetch(`${url}/callee`) })
    }
  })
  await app.inject({ url: '/', headers: { traceparent: `00-${TRACE}-${PARENT}-03` } })
  t.match(seen, [new RegExp(`^00-${TRACE}-[\\da-f]{16}-02$`)])
})
