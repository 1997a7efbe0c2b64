/** Proxy variables, read the way curl reads them. */
import t from 'tap'
import { isExcluded, normalizedVariables, normalizeProxy, proxyVariable } from '../../dist/delivery/http/proxy.js'
import { redirectedEndpoint } from '../../dist/delivery/http/redirect.js'
import { retryAfterOf } from '../../dist/delivery/http/answer.js'

t.test('the scheme and port of a proxy are optional', async t => {
  const proxies: Record<string, string> = {
    '127.0.0.1:8080': 'http://127.0.0.1:8080/',
    'proxy.corp:3128': 'http://proxy.corp:3128/',
    'proxy.corp:80': 'http://proxy.corp/',
    'proxy.corp': 'http://proxy.corp:1080/',
    ' proxy.corp:3128 ': 'http://proxy.corp:3128/',
    '[::1]:3128': 'http://[::1]:3128/',
    'user:secret@proxy.corp:3128': 'http://user:secret@proxy.corp:3128/',
    'http://proxy.corp': 'http://proxy.corp/',
    'https://proxy.corp': 'https://proxy.corp/',
    'HTTP://proxy.corp:3128': 'http://proxy.corp:3128/'
  }
  for (const [given, expected] of Object.entries(proxies)) t.equal(normalizeProxy(given).href, expected, given)
  for (const given of ['socks5://proxy.corp:1080', 'http://', '[', 'proxy.corp:port']) t.throws(() => normalizeProxy(given), { message: /HTTPS_PROXY/ }, given)
})

t.test('precedence of the variables', async t => {
  t.equal(proxyVariable({ HTTPS_PROXY: 'a', ALL_PROXY: 'b' }), 'a')
  t.equal(proxyVariable({ https_proxy: 'a', HTTP_PROXY: 'b' }), 'a')
  t.equal(proxyVariable({ HTTPS_PROXY: '', all_proxy: 'b' }), 'b')
  t.equal(proxyVariable({ HTTPS_PROXY: ' ' }), undefined)
  t.same(normalizedVariables({ HTTPS_PROXY: 'a:1', HTTP_PROXY: 'socks5://b', all_proxy: '', PATH: 'x' }), { HTTPS_PROXY: 'http://a:1/', HTTP_PROXY: undefined, all_proxy: undefined })
})

t.test('NO_PROXY', async t => {
  const url = new URL('https://eu.in.applicationinsights.azure.com/v2.1/track')
  for (const list of ['*', 'azure.com', '.azure.com', '*.azure.com', 'EU.in.ApplicationInsights.azure.com', 'x, azure.com', 'x azure.com', 'azure.com:443', 'azure.com.']) t.ok(isExcluded(list, url), list)
  for (const list of [undefined, '', 'zure.com', 'example.com', 'azure.com:8443', ',', 'in.applicationinsights.azure.co', '10.0.0.0/8']) t.notOk(isExcluded(list, url), String(list))
  for (const list of ['10.1.2.3', '10.0.0.0/8', '10.1.2.3:443']) t.ok(isExcluded(list, new URL('https://10.1.2.3/')), list)
  for (const list of ['10.0.0.0/99', '11.0.0.0/8', '1.2.3', '::/0']) t.notOk(isExcluded(list, new URL('https://10.1.2.3/')), list)
  for (const list of ['fd00::1', '[fd00::1]', 'fd00::/8', '[fd00::1]:443']) t.ok(isExcluded(list, new URL('https://[fd00::1]/')), list)
})

t.test('redirects', async t => {
  const azure = new URL('https://eu.in.applicationinsights.azure.com/v2.1/track')
  const local = new URL('http://127.0.0.1:4318/v2.1/track')
  const follows: Array<[URL, string | undefined, string | undefined]> = [
    [azure, 'https://us.in.applicationinsights.azure.com/v2.1/track', 'https://us.in.applicationinsights.azure.com'],
    [azure, '/other/v2.1/track', 'https://eu.in.applicationinsights.azure.com/other'],
    [azure, '//us.in.applicationinsights.azure.com/v2.1/track', 'https://us.in.applicationinsights.azure.com'],
    [azure, 'https://dc.services.visualstudio.com/v2.1/track', 'https://dc.services.visualstudio.com'],
    [azure, 'http://us.in.applicationinsights.azure.com/v2.1/track', undefined],
    [azure, 'https://user:pass@eu.in.applicationinsights.azure.com/v2.1/track', undefined],
    [azure, 'https://applicationinsights.azure.com.evil.test/v2.1/track', undefined],
    [azure, 'https://eu.in.applicationinsights.azure.us/v2.1/track', undefined],
    [azure, 'https://us.in.applicationinsights.azure.com:8443/v2.1/track', undefined],
    [azure, undefined, undefined],
    [azure, 'http://[', undefined],
    [local, 'v2.1/../elsewhere/v2.1/track', 'http://127.0.0.1:4318/v2.1/elsewhere'],
    [local, 'http://127.0.0.1:9999/v2.1/track', undefined],
    [local, 'file:///v2.1/track', undefined]
  ]
  for (const [from, location, expected] of follows) t.equal(redirectedEndpoint(from, location), expected, String(location))
})

t.test('Retry-After', async t => {
  t.equal(retryAfterOf('2'), 2_000)
  t.equal(retryAfterOf(' 0 '), undefined)
  t.equal(retryAfterOf('soon'), undefined)
  t.equal(retryAfterOf(undefined), undefined)
  t.equal(retryAfterOf('99999999'), 24 * 60 * 60 * 1000)
  t.equal(retryAfterOf('Wed, 01 Jan 2020 00:01:00 GMT', 'Wed, 01 Jan 2020 00:00:00 GMT'), 60_000, 'by the clock of who says it')
})
