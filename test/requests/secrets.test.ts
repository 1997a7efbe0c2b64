import t from 'tap'
import { start } from '../fixtures/start'

const planted = (n: number): string => `planted${n}secret`

t.test('no secret from a query, userinfo, header or body is ever sent', async t => {
  const { app, emulator, send, port } = await start(t, {
    options: { requests: { headers: ['authorization', 'Cookie', 'X-Api-Key', 'x-tenant'], responseHeaders: ['set-cookie', 'x-version'] } },
    routes: app => {
      app.post('/pay', { schema: { body: { type: 'object', properties: { amount: { type: 'number' } } } } }, async (request, reply) => {
        request.log.info({ headers: request.headers }, 'paying')
        request.log.warn(`called back at https://bank.test/cb?state=1&code=${planted(20)}`)
        reply.header('set-cookie', `session=${planted(1)}`).header('x-version', '7')
        return 'ok'
      })
      app.get('/fails', async () => { throw new Error(`GET https://user:${planted(21)}@bank.test/x?sig=${planted(22)} failed`) })
    }
  })
  const query = ['sig', 'Signature', 'TOKEN', 'access_token', 'id_token', 'code', 'password', 'secret', 'api_key', 'key', 'client_secret', 'X-Amz-Signature', '%74oken', 'pass%77ord']
    .map((name, n) => `${name}=${planted(2 + n)}`).join('&')
  const headers = { authorization: `Bearer ${planted(17)}`, cookie: `sid=${planted(18)}`, 'x-api-key': planted(19), 'x-tenant': 'acme' }

  await send(`/pay?plan=pro&${query}`, { method: 'POST', headers: { ...headers, 'content-type': 'application/json' }, body: JSON.stringify({ amount: 1, card: planted(23) }) })
  await send(`/pay?${query}`, { method: 'POST', headers: { ...headers, 'content-type': 'application/json' }, body: JSON.stringify({ amount: planted(24) }) })
  await send(`/nowhere?${query}`, { headers })
  await send(`/%zz?${query}`, { headers })
  await send(`/fails?${query}`, { headers })
  await app.inject({ url: `http://user:${planted(25)}@localhost:${port}/nowhere?${query}` })
  await app.close()

  const text = JSON.stringify(emulator.items().map(row => row.envelope))
  for (let n = 1; n <= 25; n++) t.notMatch(text, planted(n), `secret ${n}`)
  t.match(emulator.items({ type: 'request', resultCode: '200' })[0], {
    url: /\/pay\?plan=pro&sig=REDACTED&Signature=REDACTED&.*pass%77ord=REDACTED$/,
    customDimensions: { 'http.request.header.x-tenant': 'acme', 'http.response.header.x-version': '7' }
  })
  t.match(emulator.items({ message: /called back/ })[0], { message: 'called back at https://bank.test/cb?state=1&code=REDACTED' })
  t.match(emulator.items({ message: /not found/ })[0], { message: /^Route GET:\/nowhere\?sig=REDACTED/ })
  t.match(emulator.items({ type: 'exception' })[0], { outerMessage: 'GET https://REDACTED@bank.test/x?sig=REDACTED failed' })
})

t.test('the list of parameters can be extended or replaced, or cover all parameters', async t => {
  const path = '/?token=aaa&invoice=bbb&page=ccc'
  for (const [redactQuery, expected] of [
    [undefined, '/?token=REDACTED&invoice=bbb&page=ccc'],
    [['Invoice'], '/?token=REDACTED&invoice=REDACTED&page=ccc'],
    [{ only: ['invoice'] }, '/?token=aaa&invoice=REDACTED&page=ccc'],
    [true, '/?token=REDACTED&invoice=REDACTED&page=REDACTED']
  ] as const) {
    const { app, emulator, send, url } = await start(t, { options: { requests: { redactQuery: redactQuery as string[] | undefined } } })
    await send(path)
    await app.close()
    t.match(emulator.items({ type: 'request' }), [{ url: url + expected }])
  }
})

t.test('a hostile url or host is redacted in linear time, and still makes a row', async t => {
  const { app, emulator, send } = await start(t, { server: { maxParamLength: 100_000, logger: { level: 'silent' } } })
  const hostile = [`/?${'&'.repeat(10_000)}`, `/?${'a=%'.repeat(4_000)}`, `/?${'?token'.repeat(2_000)}=1`, `/${'a@'.repeat(5_000)}`, `/?token=${'x'.repeat(10_000)}`, '/?token=%F0%28%8C%28&%=1&=2']
  for (const path of hostile) await send(path)
  await app.inject({ url: '/', headers: { host: 'evil.test/path?token=abc' } })
  await app.close()
  const rows = emulator.items({ type: 'request' })
  t.equal(rows.length, hostile.length + 1)
  t.ok(rows.every(row => row.url!.length <= 2_048))
  t.notMatch(rows.at(-1)!.url, /evil|abc/, 'what is no host is not taken for one')
})
