/**
 * A seeded generator plants secrets in urls as hostile as HTTP lets them be, on every way by which a url gets into a
 * row; nothing of them may be in any. `SEED=… npx tap test/rows/planted-secrets.test.ts` repeats a run.
 */
import { once } from 'node:events'
import { createServer, get } from 'node:http'
import { type AddressInfo, connect } from 'node:net'
import type { FastifyInstance, FastifyRequest } from 'fastify'
import t from 'tap'
import { start } from '../fixtures/start'

const SEED = Number(process.env.SEED ?? 20_261_125)
const ROUNDS = 60

function createRandom (seed: number): (below: number) => number {
  let state = seed
  return below => {
    // mulberry32
    state = (state + 0x6d2b79f5) | 0
    let value = Math.imul(state ^ (state >>> 15), 1 | state)
    value = (value + Math.imul(value ^ (value >>> 7), 61 | value)) ^ value
    return ((value ^ (value >>> 14)) >>> 0) % below
  }
}

const random = createRandom(SEED)
const one = <T>(list: readonly T[]): T => list[random(list.length)]!
const encoded = encodeURIComponent

// What may stand in a request's target beside letters and digits, the `&` alone ends a value.
const ODD = ['"', "'", '<', '>', '\\', ';', '|', '^', '`', '{', '}', '[', ']', '$', '!', '*', '(', ')', ',', ':', '@', '/', '=', '+', '?', '#', '~', '%zz', '%', '%22', '%26', '%3B', '%20', '.', '-', '_', '"}', "')", '\\"', '";', '%2526', '%ff']
const NAMES = ['token', 'TOKEN', 'access_token', 'accessToken', 'client_secret', 'code', 'password', 'sig', 'X-Amz-Signature', 'api-key', 'jsessionid', 'sid']
const FORMS: Array<(name: string) => string> = [
  name => name,
  name => `${name}[]`,
  name => `${name}[0]`,
  name => `user[${name}]`,
  name => `user[a][${name}][]`,
  name => `user.${name}`,
  name => encoded(`${name}[]`),
  name => encoded(`user[${name}]`),
  name => `%${name.charCodeAt(0).toString(16)}${name.slice(1)}`,
  name => `%25${name.charCodeAt(0).toString(16)}${name.slice(1)}`,
  name => encoded(encoded(`user[${name}]`)),
  name => `%20${name}%20`,
  name => `+${name}+`,
  name => `${name}%09`
]

interface Planted { marker: string, target: string }

let planted = 0
/** A secret of which each part can be found again. */
function secret (without = ''): { marker: string, value: string } {
  const marker = `S3cr3t${(++planted).toString(36)}x${random(1e9).toString(36)}Z`
  const parts = [marker]
  for (let i = random(4); i > 0; i--) parts.push(one(ODD.filter(odd => without === '' || !odd.includes(without))), marker)
  return { marker, value: parts.join('') }
}

/** A path with a query, and the secret in it. */
const PLACES: Array<() => Planted> = [
  () => { const { marker, value } = secret(); return { marker, target: `/x?${one(FORMS)(one(NAMES))}=${value}` } },
  () => { const { marker, value } = secret(); return { marker, target: `/x?page=1&${one(FORMS)(one(NAMES))}=${value}&sort=name` } },
  () => { const { marker, value } = secret(); return { marker, target: `/x?page=1;${one(FORMS)(one(NAMES))}=${value}` } },
  () => { const { marker, value } = secret('?'); return { marker, target: `/x;${one(NAMES)}=${value}?page=1` } },
  () => { const { marker, value } = secret('?'); return { marker, target: `/a;v=1;${one(FORMS)(one(NAMES))}=${value}` } },
  () => { const { marker, value } = secret(); return { marker, target: `/x?page=1#${one(NAMES)}=${value}` } },
  () => { const { marker, value } = secret(); return { marker, target: `/x#/cb?${one(NAMES)}=${value}` } },
  () => { const { marker, value } = secret(); return { marker, target: `/x?next=https://a.test/cb?${one(FORMS)(one(NAMES))}=${value}&page=1` } },
  () => { const { marker, value } = secret(); return { marker, target: `/x?${one(FORMS)(one(NAMES))}=${value}&next=https://a.test/cb?page=1` } },
  () => { const { marker, value } = secret('?'); return { marker, target: `/x;${one(NAMES)}=${value}?next=https://a.test/${encoded('https://b.test/?page=1')}` } },
  () => { const { marker, value } = secret('&'); return { marker, target: `/x?redirect_uri=${encoded(`https://a.test/?${one(NAMES)}=${value}`)}&page=1` } },
  () => { const { marker, value } = secret('&'); return { marker, target: `/x?u=${encoded(`https://a.test/?page=1&n=${encoded(`https://b.test/?${one(FORMS)(one(NAMES))}=${value}`)}`)}` } },
  () => { const { marker, value } = secret('&'); return { marker, target: `/x?state=${encoded(`${one(NAMES)}=${value}`)}&page=1` } },
  () => { const { marker, value } = secret('@'); return { marker, target: `/x?next=https://user:a${value}@a.test/&page=1` } },
  () => { const { marker, value } = secret('@'); return { marker, target: `/x?next=${encoded(`https://user:a${value}@a.test/`)}` } },
  () => { const { marker } = secret(); return { marker, target: `/x?filter=${encoded(JSON.stringify({ user: { [one(NAMES)]: marker } }))}&page=1` } }
]

/** Ways to say a url in a text. */
const SAID: Array<(url: string) => string> = [
  url => url,
  url => `GET ${url} failed`,
  url => `called (${url}) twice`,
  url => `called "${url}", then`,
  url => `called '${url}'`,
  url => `called \`${url}\`.`,
  url => `see <${url}>; rel="next"`,
  url => `url=${url} status=500`,
  url => `answer {"url":${JSON.stringify(url)},"status":500} came`,
  url => JSON.stringify({ error: { url, message: `no ${url}` } }),
  url => JSON.stringify({ body: JSON.stringify({ url }) }),
  url => `one\n  two ${url}\n  three`
]

const absolute = ({ marker, target }: Planted): Planted => {
  if (random(4) > 0) return { marker, target: `https://a.test${target}` }
  const userinfo = secret('@')
  // The password of the url is planted instead of the rest.
  return { marker: userinfo.marker, target: `https://user:p${userinfo.value}@a.test/x?page=1` }
}

type Way = (app: FastifyInstance, request: FastifyRequest, planted: Planted) => unknown

const WAYS: Record<string, Way> = {
  'a log line': (_app, request, { target }) => request.log.info(one(SAID)(target)),
  'a field': (_app, request, { target }) => request.log.info({ url: target, deep: { list: [one(SAID)(target)] } }, 'a field'),
  'a name of a field': (_app, request, { target }) => request.log.info({ byUrl: { [target]: 1 } }, 'a name'),
  'an error that is logged': (_app, request, { target }) => request.log.error(Object.assign(new Error(one(SAID)(target)), { config: { url: target } }), 'failed'),
  'an error with a cause': (_app, request, { target }) => request.log.error(new Error('outer', { cause: new Error(one(SAID)(target)) })),
  'an event': (_app, request, { target }) => request.appInsights.trackEvent(one(SAID)(target), { url: target, said: one(SAID)(target) }),
  'an event of the app': (app, _request, { target }) => app.appInsights.trackEvent('e', { url: one(SAID)(target) }),
  'a property': (_app, request, { target }) => { request.appInsights.set('url', one(SAID)(target)); request.log.info('with a property') },
  'a span': (_app, request, { target }) => request.appInsights.startSpan(one(SAID)(target), span => span.setAttributes({ 'http.url': target, url: one(SAID)(target), list: [target] }).addEvent(one(SAID)(target), { url: target })),
  'a span of another instrumentation': (app, _request, { target }) => app.appInsights.tracer.startSpan('GET', { kind: 2, attributes: { 'http.request.method': 'GET', 'url.full': target, 'http.target': target } }).end(),
  'an exception of a span': (_app, request, { target }) => request.appInsights.span.recordException(new Error(one(SAID)(target))),
  'another name': (_app, request, { target }) => { request.appInsights.span.updateName(`GET ${one(SAID)(target)}`); request.log.info('renamed') },
  'what is a column': (app, _request, { target }) => app.appInsights.tracer.startSpan('GET', { kind: 2, attributes: { 'peer.service': target, 'server.address': target, 'http.route': target, 'exception.message': one(SAID)(target) } }).end(),
  'an operation': (app, _request, { target }) => app.appInsights.operation(one(SAID)(target), () => app.log.info('within')),
  'a metric': (app, _request, { target }) => { app.appInsights.trackMetric('m', 1, { url: one(SAID)(target) }); app.appInsights.meter.createCounter('c').add(1, { url: one(SAID)(target) }) }
}

/** As it is: a client such as fetch() would encode it. */
async function raw (port: number, target: string, headers = ''): Promise<string> {
  const socket = connect(port, '127.0.0.1')
  socket.end(`GET ${target} HTTP/1.1\r\nhost: 127.0.0.1:${port}\r\nconnection: close\r\n${headers}\r\n`)
  let answer = ''
  socket.setEncoding('latin1').on('data', (chunk: string) => { answer += chunk })
  await once(socket, 'close')
  return answer
}

t.test(`nothing of a secret in a url is in any row (SEED=${SEED})`, async t => {
  const other = createServer((_request, response) => response.end('ok'))
  t.teardown(() => other.close())
  other.listen(0, '127.0.0.1')
  await once(other, 'listening')
  const otherPort = (other.address() as AddressInfo).port
  let act: (request: FastifyRequest) => unknown = () => {}
  const { app, emulator, port } = await start(t, {
    server: { logger: { level: 'trace', stream: { write () {} } } },
    options: {
      requests: { headers: ['referer', 'x-original-url'], responseHeaders: ['location', 'link'], enrich: request => ({ url: request.url }) },
      logs: { requestLogs: true }
    },
    routes: app => {
      const handler = async (request: FastifyRequest): Promise<string> => { await act(request); return 'ok' }
      app.get('/x', handler)
      app.get('/a', handler)
      app.get('/way', handler)
      app.get('/redirect', async (request, reply) => await reply.header('link', `<${request.headers['x-to'] as string}>; rel="next"`).code(302).header('location', request.headers['x-to'] as string).send())
      app.get('/throws', async request => { throw new Error(one(SAID)(request.headers['x-to'] as string)) })
    }
  })

  const all: Array<Planted & { way: string }> = []
  const plant = (way: string, absolutely: boolean): Planted => {
    const made = one(PLACES)()
    const given = absolutely ? absolute(made) : made
    all.push({ ...given, way })
    return given
  }

  let answered = 0
  for (let round = 0; round < ROUNDS; round++) {
    act = async request => {
      for (const [name, way] of Object.entries(WAYS)) if (random(3) === 0) way(app, request, plant(name, random(2) === 0))
      if (random(3) === 0) {
        const { target } = plant('a call through fetch', false)
        await fetch(`http://127.0.0.1:${otherPort}${target}`).then(async answer => await answer.text()).catch((error: unknown) => request.log.error(error))
      }
      if (random(3) === 0) {
        const { target } = plant('a call through http', false)
        await new Promise(resolve => get({ port: otherPort, path: target, agent: false }, answer => answer.resume().on('close', resolve)).on('error', resolve))
      }
    }
    if ((await raw(port, plant('a request', false).target)).startsWith('HTTP/1.1 200')) answered++
    await raw(port, '/way', `referer: ${plant('a header', true).target}\r\nx-original-url: ${plant('a header', false).target}\r\n`)
    act = () => {}
    await raw(port, '/redirect', `x-to: ${plant('a header of the response', true).target}\r\n`)
    await raw(port, '/throws', `x-to: ${plant('an error that is thrown', true).target}\r\n`)
    await raw(port, `http://user:p${plant('an absolute target', true).target}`)
  }
  await app.close()

  t.ok(answered > ROUNDS / 4, `${answered} requests had their route`)
  const rows = emulator.items()
  for (const type of ['request', 'trace', 'exception', 'dependency', 'event', 'metric'] as const) t.ok(emulator.items({ type }).length > 0, `there are rows of type ${type}`)
  const sent = rows.map(row => JSON.stringify(row.envelope))
  const leaks = all.flatMap(({ marker, target, way }) => sent.filter(row => row.includes(marker)).map(row => ({ way, target, row: row.slice(Math.max(0, row.indexOf(marker) - 200), row.indexOf(marker) + 200) })))
  t.same(leaks.slice(0, 20), [], `${all.length} secrets, ${rows.length} rows, ${leaks.length} leaks`)
  t.ok(sent.filter(row => row.includes('REDACTED')).length > ROUNDS, 'they were there')
  t.ok(sent.some(row => row.includes('page=1')), 'what is no secret is still there')
})
