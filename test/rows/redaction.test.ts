/** Urls are redacted by their structure, texts by the urls and JSON in them; what is no secret stays, and every scan is linear. */
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import t from 'tap'
import { SECRET_HEADERS, SECRET_QUERY_NAMES, createRedactor } from '../../dist/rows/redaction/index.js'

const { isClean, url, text, line } = createRedactor(new Set(SECRET_QUERY_NAMES))
const encoded = encodeURIComponent

t.test('a url keeps its structure and loses its secrets', t => {
  const table: Array<[what: string, from: string, to: string]> = [
    ['a query', '/x?a=1&token=S&b=2', '/x?a=1&token=REDACTED&b=2'],
    ['any case', '/?TOKEN=S&Api_Key=S', '/?TOKEN=REDACTED&Api_Key=REDACTED'],
    ['camel case and dashes', '/?accessToken=S&client-secret=S', '/?accessToken=REDACTED&client-secret=REDACTED'],
    ['an array', '/?token[]=S&token[0]=S&page[]=1', '/?token[]=REDACTED&token[0]=REDACTED&page[]=1'],
    ['an object', '/?user[password]=S&user[name]=a', '/?user[password]=REDACTED&user[name]=a'],
    ['an object with dots', '/?user.password=S&user.name=a', '/?user.password=REDACTED&user.name=a'],
    ['an encoded name', '/?%74oken=S&token%5B%5D=S&user%5Bpassword%5D=S', '/?%74oken=REDACTED&token%5B%5D=REDACTED&user%5Bpassword%5D=REDACTED'],
    ['a name encoded twice', '/?%2574oken=S&token%255B%255D=S', '/?%2574oken=REDACTED&token%255B%255D=REDACTED'],
    ['spaces around a name', '/?%20token%20=S&+token+=S&%09token=S', '/?%20token%20=REDACTED&+token+=REDACTED&%09token=REDACTED'],
    ['odd characters in a value', '/?token=a"b\'c<d>e\\f;g#h?i/j=k,l&b=2', '/?token=REDACTED&b=2'],
    ['what is not UTF-8', '/?token=%ff%zz%&b=%ff', '/?token=REDACTED&b=%ff'],
    ['an empty value', '/?token=&b=2&token', '/?token=&b=2&token'],
    ['semicolons between pairs', '/?a=1;token=S&b=2', '/?a=1;token=REDACTED&b=2'],
    ['a path parameter', '/shop;jsessionid=S?page=2', '/shop;jsessionid=REDACTED?page=2'],
    ['a path parameter among others', '/shop;v=1;token=S/a;x=1?page=2', '/shop;v=1;token=REDACTED?page=2'],
    ['a path with an =', '/year=2024/key=5?page=2', '/year=2024/key=5?page=2'],
    ['a fragment', 'https://x/#access_token=S&state=1', 'https://x/#access_token=REDACTED&state=1'],
    ['a fragment that is a route', 'https://x/#/cb?code=S&state=1', 'https://x/#/cb?code=REDACTED&state=1'],
    ['a url in the query', '/?next=https://x/?token=S&b=2', '/?next=https://x/?token=REDACTED&b=2'],
    ['an encoded url in the query', `/?next=${encoded('https://x/?token=S&a=1')}&b=2`, `/?next=${encoded('https://x/?token=REDACTED&a=1')}&b=2`],
    ['an encoded url in an encoded url', `/?u=${encoded(`https://a/?n=${encoded('https://b/?token=S')}`)}&b=2`, `/?u=${encoded(`https://a/?n=${encoded('https://b/?token=REDACTED')}`)}&b=2`],
    ['an encoded query', '/?state=token%3DS%26a%3D1&b=2', '/?state=token%3DREDACTED%26a%3D1&b=2'],
    ['half of it encoded', '/?next=https://x/%3Ftoken=S&b=2', '/?next=https://x/%3Ftoken=REDACTED&b=2'],
    ['an encoded secret that goes on plain', '/?next=token%3DS;S#S&b=2', '/?next=token%3DREDACTED&b=2'],
    ['a url in the path', `/proxy/${encoded('https://a:S@x/?page=1')}/x?a=1`, `/proxy/${encoded('https://REDACTED@x/?page=1')}/x?a=1`],
    ['deeper than anybody nests', `/?u=${[1, 2, 3, 4, 5, 6, 7].reduce(value => encoded(`u=${value}`), 'token=S')}&b=2`, '/?u=u%3Du%253Du%25253Du%2525253Du%252525253DREDACTED&b=2'],
    ['JSON in the query', '/?filter={"token":"S"}&b=2', '/?filter=REDACTED&b=2'],
    ['encoded JSON in the query', `/?filter=${encoded('{"user":{"password" : "S"}}')}&b=2`, '/?filter=REDACTED&b=2'],
    ['JSON without a secret', '/?filter={"name":"a"}&b=2', '/?filter={"name":"a"}&b=2'],
    ['userinfo', 'https://user:S@x/a', 'https://REDACTED@x/a'],
    ['userinfo with an odd character', 'https://us\'er:S"<\\@x/a', 'https://REDACTED@x/a'],
    ['userinfo with more than one @', 'https://a@b:S@S@x/a@b', 'https://REDACTED@x/a@b'],
    ['userinfo of any length', `https://a:${'S'.repeat(5_000)}@x/`, 'https://REDACTED@x/'],
    ['userinfo with what it should have encoded', 'https://a:S/S?S#S@x/a', 'https://REDACTED@x/a'],
    ['userinfo with what it should have encoded, and a bracket', 'https://a:S]S?S@x/a', 'https://REDACTED@x/a'],
    ['userinfo that was cut off', '/?a=1&next=https://user:S', '/?a=1&next=https://REDACTED'],
    ['userinfo that was cut off before another pair', '/?next=https://user:S&a=12:30', '/?next=https://REDACTED&a=12:30'],
    ['userinfo without a scheme', '//a:S@x/a', '//REDACTED@x/a'],
    ['userinfo of a nested url', '/?u=https://a:S@x/&v=//a:S@y/', '/?u=https://REDACTED@x/&v=//REDACTED@y/'],
    ['userinfo before IPv6', 'https://a:S]S@[::1]:80/', 'https://REDACTED@[::1]:80/'],
    ['no userinfo', 'https://[::1]:80/@scope/a@b?m=a@b', 'https://[::1]:80/@scope/a@b?m=a@b'],
    ['a port', 'http://x:80/a@b', 'http://x:80/a@b']
  ]
  for (const [what, from, to] of table) {
    t.equal(url(from), to, what)
    t.equal(url(to), to, `${what}, once more`)
  }
  t.end()
})

t.test('names of your own, and every name', t => {
  t.equal(createRedactor(new Set(['invoice_no', 'código'])).url('/?invoiceNo=1&token=2&c%C3%B3digo=3'), '/?invoiceNo=REDACTED&token=2&c%C3%B3digo=REDACTED')
  t.equal(createRedactor(new Set(['-', ''])).url('/?a=1&=2'), '/?a=1&=2')
  t.equal(createRedactor(true).url('/p;v=1?a=1&b=2&c'), '/p;v=REDACTED?a=REDACTED&b=REDACTED&c')
  t.equal(createRedactor(true).text('a=1;b=2'), 'a=1;b=2', 'which are no parameters')
  t.end()
})

t.test('a text loses the secrets of the urls, lists and headers in it', t => {
  const table: Array<[from: string, to: string]> = [
    ['GET https://x/?token=S failed', 'GET https://x/?token=REDACTED failed'],
    ['Route GET:/a?token=S"S<S not found', 'Route GET:/a?token=REDACTED not found'],
    ['Route GET:/cb?token=S&next=https://x/?page=1&code=S not found', 'Route GET:/cb?token=REDACTED&next=https://x/?page=1&code=REDACTED not found'],
    ['(/cb?token=S&next=https://x/) not found', '(/cb?token=REDACTED&next=https://x/) not found'],
    ['Route GET:/a;token=S not found', 'Route GET:/a;token=REDACTED not found'],
    ['("https://x/?token=S"), then', '("https://x/?token=REDACTED"), then'],
    ['to "https://x/?token=S"S", then', 'to "https://x/?token=REDACTED", then'],
    ['<https://x/?token=S>; rel="next", <https://x/?page=2>; rel="last"', '<https://x/?token=REDACTED>; rel="next", <https://x/?page=2>; rel="last"'],
    ['url=\'https://x/?token=S\' status=200', 'url=\'https://x/?token=REDACTED\' status=200'],
    ['payload {"url":"https://x/?token=S\\"S","b":[1]} end', 'payload {"url":"https://x/?token=REDACTED","b":[1]} end'],
    ['{"a":{"b":"x https://u:S@h/ y"}}', '{"a":{"b":"x https://REDACTED@h/ y"}}'],
    ['cut {"url":"https://x/?token=S', 'cut {"url":"https://x/?token=REDACTED'],
    ['grant_type=a&client_secret=S&b=2', 'grant_type=a&client_secret=REDACTED&b=2'],
    ['code=S&state=2', 'code=REDACTED&state=2'],
    ['Server=db;Password=S;Port=1', 'Server=db;Password=REDACTED;Port=1'],
    ['Server=db;Password="S;S";Port=1', 'Server=db;Password=REDACTED;Port=1'],
    ['to Server=db; Password=S; Port=1', 'to Server=db; Password=REDACTED; Port=1'],
    ['to AccountName=a;AccountKey=S==;Suffix=core', 'to AccountName=a;AccountKey=REDACTED;Suffix=core'],
    ['sends to InstrumentationKey=S;IngestionEndpoint=https://x/ now', 'sends to InstrumentationKey=REDACTED now'],
    ['Endpoint=sb://x/;SharedAccessKeyName=a;SharedAccessKey=S=', 'Endpoint=sb://x/;SharedAccessKeyName=a;SharedAccessKey=REDACTED'],
    [`redirected to ${encoded('https://x/?token=S')}`, `redirected to ${encoded('https://x/?token=REDACTED')}`],
    ['postgres://app:S@db/shop and https://x/?b=1', 'postgres://REDACTED@db/shop and https://x/?b=1'],
    ['Bearer S1234567.89', 'Bearer REDACTED'],
    ['GET / HTTP/1.1\r\nCookie: a="S"; b=S\r\nAccept: x', 'GET / HTTP/1.1\r\nCookie: REDACTED\r\nAccept: x'],
    ['{ headers: { cookie: \'S\', authorization: [ \'S\' ], a: 1 } }', '{ headers: { cookie: \'REDACTED\', authorization: \'REDACTED\', a: 1 } }'],
    ['rawHeaders: ["Date","x","Set-Cookie","S"]', 'rawHeaders: ["Date","x","Set-Cookie","REDACTED"]'],
    ['{"name":"Cookie","value":"S"}', '{"name":"Cookie","value":"REDACTED"}'],
    ['cut {"headers":{"cookie":["S","S', 'cut {"headers":{"cookie":"REDACTED"'],
    ['{\\"cookie\\":\\"S\\",\\"a\\":1}', '{\\"cookie\\":\\"REDACTED\\",\\"a\\":1}'],
    ['{"auth":{"username":"a","password":"S"},"b":1}', '{"auth":{"username":"a","password":"REDACTED"},"b":1}'],
    ['{"proxy":{"auth": {"pass": "S\\"S\\\\","user":"a"},"port":1}}', '{"proxy":{"auth": {"pass": "REDACTED","user":"a"},"port":1}}'],
    ['got {"a":"{\\"auth\\":{\\"password\\":\\"S\\"}}"}', 'got {"a":"{\\"auth\\":{\\"password\\":\\"REDACTED\\"}}"}'],
    ['cut {"config":{"auth":{"password":"S","username":"a"},"b":"c', 'cut {"config":{"auth":{"password":"REDACTED","username":"a"},"b":"c'],
    ['config: { auth: { username: \'a\', password: \'S\\\'S\' }, b: 1 }', 'config: { auth: { username: \'a\', password: \'REDACTED\' }, b: 1 }'],
    ['{"_options":{"auth":"a:S","b":1}}', '{"_options":{"auth":"REDACTED","b":1}}'],
    ['options: { auth: \'a:S\', b: 1 }', 'options: { auth: \'REDACTED\', b: 1 }'],
    ['{"command":{"name":"auth","args":["S"]},"b":["c"]}', '{"command":{"name":"auth","args":"REDACTED"},"b":["c"]}']
  ]
  for (const [from, to] of table) t.equal(text(from), to)
  t.end()
})

t.test('a text without a secret stays as it is', t => {
  for (const ordinary of [
    'exit code=1; done', 'code=1 key=2 pass=3', 'Is it done? code=5 & key=7', 'a = b; c = d', 'list: a=1;b=2', 'R&D key=5',
    'SELECT * FROM users WHERE code=1 AND "key"=\'x\' AND a=?;', 'UPDATE users SET password=$1, token=? WHERE id=2; SELECT 1',
    'if (a && key == b) { pass = c ? d : e }', 'mail a@b.test, or <a@b.test>; code@home', 'git@github.com:org/repo.git', 'npm install @scope/pkg@1.2.3',
    'see https://x/?page=1&sort=name#part, or https://x/@user', 'https://medium.com/@user/post?x=1', '[a@b]', '{ a: 1, b: [2] }',
    'Basic authentication failed: bearer of news', 'no cookies today', 'authorization failed', 'the cookie was eaten', 'cookie, authorization',
    '100% = all, 50%3 = half', 'at fn (file:///app/x.js?t=123:4:5)', '// foo@bar', 'a%20b%3Dc', '{"a":"b","c":{"d":[1,2,{"e":null}]}}', '{"cookie":null}',
    '{"auth":{"user":"a","roles":["b"],"password":null}}', '{"auth":"basic","password":"c"}', '{"auth":"see: below"}', 'auth: \'oauth2\'', '{"password":"a","auth":{"b":1},"pass":"c"}', 'auth: { a: 1 }, password: \'b\'',
    'auth: { password: undefined }', '{"command":{"name":"get","args":["a"]},"b":"auth"}', 'auth, then pass: 3',
    'x=1&y', '?', '&', '=', '@', '', '://@', '😀=😀@😀'
  ]) {
    t.equal(text(ordinary), ordinary)
    t.equal(line(ordinary), ordinary)
  }
  t.end()
})

t.test('a clean text never vouches for another of its length', t => {
  const secret = '/?token=S'
  const clean = 'x'.repeat(secret.length)
  for (let turn = 0; turn < 2; turn++) {
    t.equal(isClean(clean), true)
    t.equal(isClean(secret), false)
    t.equal(text(secret), '/?token=REDACTED')
  }
  for (const length of [0, 1, 11, 12, 13, 5_000]) {
    for (let turn = 0; turn < 2; turn++) t.equal(isClean('y'.repeat(length)), true, `of ${length} characters`)
  }
  t.end()
})

t.test('a text that was looked through does not keep the larger one that it was cut from', t => {
  setFlagsFromString('--expose-gc')
  const collect = runInNewContext('gc') as () => void
  collect()
  const { heapUsed } = process.memoryUsage()
  for (let length = 1; length <= 200; length++) isClean(Buffer.alloc(1_000_000, 97 + length % 26).toString('latin1').slice(5, 5 + length))
  collect()
  t.ok(process.memoryUsage().heapUsed < heapUsed + 20_000_000)
  t.end()
})

t.test('a line of JSON stays JSON, and keeps all else', t => {
  const secret = 'S"S\\S<S\'S'
  const given = {
    level: 30,
    url: `/x?token=${secret}&page=1`,
    [`https://a:${secret}@x/`]: 1,
    headers: { Authorization: `Basic ${secret}`, 'set-cookie': [secret, { a: [secret] }], 'x-tenant': 'acme', cookie: null, 'x-api-key': 5 },
    nested: JSON.stringify({ headers: { cookie: secret }, again: JSON.stringify({ url: `https://x/?sig=${secret}` }) }),
    raw: ['Host', 'x', 'Cookie', secret, 'Accept', 'y'],
    har: [{ name: 'Cookie', value: secret, comment: 'a' }, { name: 'Accept', value: 'b' }],
    number: 1234567.5,
    text: 'a "b" \\ \n \u2028 \ud800 ü 😀 a@b.test',
    msg: `called https://x/?token=${secret}`
  }
  const redacted = JSON.parse(line(`${JSON.stringify(given)}\n`)) as typeof given
  t.same(redacted, {
    ...Object.fromEntries(Object.entries(given).filter(([name]) => !name.startsWith('https'))),
    url: '/x?token=REDACTED&page=1',
    'https://REDACTED@x/': 1,
    headers: { Authorization: 'REDACTED', 'set-cookie': 'REDACTED', 'x-tenant': 'acme', cookie: null, 'x-api-key': 'REDACTED' },
    nested: JSON.stringify({ headers: { cookie: 'REDACTED' }, again: JSON.stringify({ url: 'https://x/?sig=REDACTED' }) }),
    raw: ['Host', 'x', 'Cookie', 'REDACTED', 'Accept', 'y'],
    har: [{ name: 'Cookie', value: 'REDACTED', comment: 'a' }, { name: 'Accept', value: 'b' }],
    msg: 'called https://x/?token=REDACTED'
  })
  t.match(line('{"a":1e400,"b":"x=1","c":0.10}'), '{"a":1e400,"b":"x=1","c":0.10}', 'numbers keep their digits')
  for (const name of SECRET_HEADERS) t.notMatch(line(JSON.stringify({ [name.toUpperCase()]: 'S3CRET' })), 'S3CRET', name)
  t.end()
})

t.test('the time for hostile text grows with its size, not with its square', t => {
  const SIZE = 20_000
  const pieces = [
    '=', '&', ';a="', '%25', '%', '@', '@/', 'http://', 'http://a:b', '[', '["', '{"a":1} [[ ', '"cookie":[', '"cookie":{', '"cookie":"', 'cookie: ', 'cookie', '\\', '\\"cookie\\":',
    '={', '={"a":', '%3D', '?u=https://a/', '%253Dtoken%3D', ' = ', ';a=b', '?token', '//a:b', '"', "'", 'a=1&token=x;', 'Bearer ', '; password="', ':\\/\\/', '://a:b@', '{"', '}', '%7B%22a%22',
    'https%3A%2F%2F', '\n', '<', '(https://x/?a=', '&&', '=?', '\u00e9=', '%e9=', 'auth:{}', 'auth:{', 'auth: "', '"auth":{"pass":"', 'auth:{pass:['
  ]
  const wraps: Array<(body: string) => string> = [body => body, body => `=@ cookie ${body}`, body => `${body}@=`, body => `?a=${body}`, body => `{"a":"=${body.replaceAll(/["\\\n]/g, '')}"}`]
  const time = (input: string): number => {
    let best = Infinity
    for (let i = 0; i < 2; i++) {
      // Of the processor, which other programs do not lengthen.
      const begin = process.cpuUsage()
      for (const redact of [url, text, line]) redact(input)
      const { user, system } = process.cpuUsage(begin)
      best = Math.min(best, (user + system) / 1_000)
    }
    return best
  }
  for (const piece of pieces) {
    for (const [i, wrap] of wraps.entries()) {
      const of = (size: number): string => wrap(piece.repeat(Math.ceil(size / piece.length)))
      // What is over in a moment cannot be measured, and need not be. Quadratic is 16 times here, linear 4.
      const ratio = (): number => time(of(SIZE * 4)) / Math.max(time(of(SIZE)), 1)
      let smallest = ratio()
      for (let tries = 0; smallest > 8 && tries < 4; tries++) smallest = Math.min(smallest, ratio())
      if (smallest > 8) t.fail(`${JSON.stringify(piece)} in form ${i}: ${smallest.toFixed(1)} times as long for 4 times the size`)
    }
  }
  t.pass(`${pieces.length * wraps.length} texts`)
  t.end()
})
