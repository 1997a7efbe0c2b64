/** A proxy's forwarded headers are used only if they look valid, and are bounded. */
import t from 'tap'
import { isAuthority } from '../../dist/requests/forwarded.js'
import { start } from '../fixtures/start'

t.test('an invalid scheme or host is not in the row', async t => {
  const { app, emulator, port, send } = await start(t, { server: { trustProxy: true }, routes: app => { app.get('/', async () => 'ok') } })
  const own = `http://127.0.0.1:${port}/`
  const table: Array<[headers: Record<string, string>, url: string]> = [
    [{ 'x-forwarded-proto': 'https', 'x-forwarded-host': 'shop.test' }, 'https://shop.test/'],
    [{ 'x-forwarded-host': 'shop.test:8443' }, 'http://shop.test:8443/'],
    [{ 'x-forwarded-host': '[2001:db8::1]:80' }, 'http://[2001:db8::1]:80/'],
    [{ 'x-forwarded-proto': 'javascript' }, own],
    [{ 'x-forwarded-proto': 'https://evil.test/?a=' }, own],
    [{ 'x-forwarded-proto': 'h'.repeat(5_000) }, own],
    [{ 'x-forwarded-host': 'evil.test/path?token=abc' }, own],
    [{ 'x-forwarded-host': 'user:abc@evil.test' }, own],
    [{ 'x-forwarded-host': 'a'.repeat(5_000) }, own],
    [{ 'x-forwarded-host': 'a.test:123456' }, own],
    [{ 'x-forwarded-host': '..' }, own],
    [{ 'x-forwarded-host': '<script>' }, own]
  ]
  for (const [headers] of table) await send('/', { headers })
  await app.close()
  t.same(emulator.items({ type: 'request' }).map(row => row.url), table.map(([, url]) => url))
  t.same(new Set(emulator.items({ type: 'metric' }).map(row => row.customDimensions['url.scheme']).filter(scheme => scheme !== undefined)), new Set(['http', 'https']))
})

t.test('hosts', t => {
  for (const host of ['localhost', 'a.test', 'a-b.test.', 'a_b', '127.0.0.1:80', '[::1]', '[::ffff:1.2.3.4]:443']) t.ok(isAuthority(host), host)
  for (const host of ['', '.', 'a..b', 'a b', 'a:b', ':80', 'a@b', '[::1', '::1', 'a.test:', 'a/b', `${'a.'.repeat(200)}test`]) t.notOk(isAuthority(host), host)
  t.end()
})
