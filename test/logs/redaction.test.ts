/** What the app's logger hides is never sent in any form, nor are credentials that it doesn't hide. */
import type { FastifyBaseLogger, FastifyServerOptions } from 'fastify'
import pino from 'pino'
import t from 'tap'
import { SECRET_HEADERS } from '../../dist/rows/redaction/index.js'
import { type Run, createRunner, wire } from '../fixtures/rows'
import { sink } from '../fixtures/start'

const SECRET = 'pl4nted-s3cret'
// Looks different in JSON, which escapes it.
const QUOTED = 'pl4nted "s3cret" \\ too'

const logger = (options: object): FastifyServerOptions => ({ logger: { stream: sink(), level: 'trace', ...options } })
const failing = (make: () => unknown): Run['routes'] => app => { app.get('/', async () => { throw make() }) }
const logging = (log: (log: FastifyBaseLogger) => void): Run['routes'] => app => { app.get('/', async request => { log(request.log) }) }
const silent = (server: FastifyServerOptions): FastifyServerOptions => ({ ...server, disableRequestLogging: true })
const fields = (extra: object, message = 'failed'): Error => Object.assign(new Error(message), extra)

/** An error like those of axios, with the whole exchange attached. */
function axiosError (): Error {
  const headers = { Accept: 'json', Authorization: `Bearer ${SECRET}`, 'X-Api-Key': SECRET, cookie: [SECRET, `b=${SECRET}`] }
  return fields({
    config: { url: `https://user:${SECRET}@api.test/v1?api_key=${SECRET}&page=2`, headers, auth: { username: 'user', password: SECRET }, proxy: { host: 'proxy.test', auth: { username: 'user', password: SECRET } }, data: JSON.stringify({ headers: { authorization: SECRET } }) },
    request: { _options: { auth: `user:${SECRET}` }, _header: `GET / HTTP/1.1\r\nAuthorization: Bearer ${SECRET}\r\nCookie: a=${SECRET}; b="${SECRET}"\r\nAccept: json\r\n\r\n` },
    response: { rawHeaders: ['Date', 'today', 'Set-Cookie', `sid=${SECRET}`], headers: { 'set-cookie': [`sid=${SECRET}`] } }
  }, 'Request failed with status code 401')
}

const cases: Array<{ name: string, run: Run, exceptions?: number }> = [
  // By the logger's redaction.
  { name: 'a field', run: { server: logger({ redact: ['password'] }), routes: logging(log => log.info({ password: SECRET }, 'x')) } },
  { name: 'a field, censored by a function', run: { server: logger({ redact: { paths: ['a.b'], censor: () => 'gone' } }), routes: logging(log => log.info({ a: { b: SECRET } }, 'x')) } },
  { name: 'a field, removed', run: { server: logger({ redact: { paths: ['a[*].b'], remove: true } }), routes: logging(log => log.info({ a: [{ b: SECRET }] }, 'x')) } },
  { name: 'any field of that name', run: { server: logger({ redact: ['*.password', 'password'] }), routes: logging(log => log.info({ user: { password: SECRET } }, 'x')) } },
  { name: 'a field without a message', run: { server: logger({ redact: ['password'] }), routes: logging(log => log.info({ password: SECRET, a: 1 })) } },
  { name: 'a field with nestedKey', run: { server: logger({ redact: ['password'], nestedKey: 'payload' }), routes: logging(log => log.info({ password: SECRET }, 'x')) } },
  { name: 'a binding of a child', run: { server: logger({ redact: ['token'] }), routes: logging(log => log.child({ token: SECRET }).info('x')) } },
  { name: 'a child with its own redaction', run: { server: logger({}), routes: logging(log => log.child({}, { redact: ['password'] }).info({ password: SECRET }, 'x')) } },
  { name: 'the message', run: { server: logger({ redact: ['msg'] }), routes: logging(log => log.info(SECRET)) } },
  ...[logger, (options: object) => silent(logger(options))].flatMap((server, i) => {
    const how = i === 0 ? 'logged' : 'logged by nobody'
    const cases: Array<[name: string, options: object, make: () => unknown]> = [
      ['a field of an error', { redact: ['err.password'] }, () => fields({ password: SECRET })],
      ['a nested field of an error', { redact: ['err.config.auth'] }, () => fields({ config: { auth: SECRET } })],
      ['any field of an error', { redact: ['err.*'] }, () => fields({ password: SECRET }, SECRET)],
      ['any field of anything', { redact: ['*.password'] }, () => fields({ password: SECRET })],
      ['the message of an error', { redact: ['err.message'] }, () => new Error(`pay ${SECRET}`)],
      ['the message of an error, with quotes', { redact: ['err.message'] }, () => new Error(QUOTED)],
      ['the message of an error, removed', { redact: { paths: ['err.message'], remove: true } }, () => new Error(SECRET)],
      ['the message and stack of an error', { redact: ['err.message', 'err.stack'] }, () => new Error(SECRET)],
      ['the stack of an error', { redact: { paths: ['err.stack'], remove: true } }, () => Object.assign(new Error('x'), { stack: `Error: x\n    at ${SECRET} (/a.js:1:1)` })],
      ['the whole error', { redact: ['err'] }, () => fields({ password: SECRET, code: SECRET }, SECRET)],
      ['the whole error, removed', { redact: { paths: ['err'], remove: true } }, () => fields({ password: SECRET }, SECRET)],
      ['the code of an error', { redact: ['err.code'] }, () => fields({ code: SECRET })],
      ['a thrown object', { redact: ['err.password'] }, () => ({ a: 1, password: SECRET })],
      ['a thrown string', { redact: ['err'] }, () => SECRET],
      ['the message, where a cause says it', { redact: ['err.message'] }, () => new Error('outer', { cause: new Error(SECRET) })],
      ['the message of a cause', { redact: ['err.cause.message', 'err.message'], serializers: { err: pino.stdSerializers.errWithCause } }, () => new Error('outer', { cause: new Error(SECRET) })],
      ['only the message of a cause', { redact: ['err.cause.message'], serializers: { err: pino.stdSerializers.errWithCause } }, () => new Error('outer', { cause: new Error(SECRET) })],
      ['a cause', { redact: ['err.cause'], serializers: { err: pino.stdSerializers.errWithCause } }, () => new Error('outer', { cause: new Error(SECRET) })],
      ['the messages of an AggregateError', { redact: ['err.aggregateErrors[*].message'] }, () => new AggregateError([new Error(SECRET)], 'many')],
      ['the errors of an AggregateError', { redact: ['err.aggregateErrors'] }, () => new AggregateError([new Error(SECRET)], 'many')],
      ['a part of the message, by a censor', { redact: { paths: ['err.message'], censor: (text: string) => text.replace(SECRET, '***') } }, () => new Error(`pay ${SECRET} now`)],
      ['by a serializer', { serializers: { err: (error: Error) => ({ type: error.name, message: 'hidden' }) } }, () => fields({ password: SECRET }, SECRET)],
      ['by a serializer that writes a text', { serializers: { err: () => 'hidden' } }, () => fields({ password: SECRET }, SECRET)],
      ['by a serializer that writes nothing', { serializers: { err: () => undefined } }, () => fields({ password: SECRET }, SECRET)],
      ['by a formatter', { formatters: { log: ({ err, ...rest }: { err?: Error }) => err === undefined ? rest : { ...rest, failure: { name: err.name, message: 'hidden' } } } }, () => fields({ password: SECRET }, SECRET)],
      ['by a formatter and redaction', { redact: ['error.message', 'error.stack_trace'], formatters: { log: ({ err, ...rest }: { err?: Error }) => err === undefined ? rest : { ...rest, error: { message: err.message, stack_trace: err.stack } } } }, () => new Error(SECRET)],
      ['by a streamWrite hook', { hooks: { streamWrite: (line: string) => line.replaceAll(SECRET, '***') } }, () => new Error('outer', { cause: fields({ password: SECRET }, SECRET) })],
      ['with nestedKey', { redact: ['err.message', 'err.password'], nestedKey: 'payload' }, () => fields({ password: SECRET }, SECRET)],
      ['with another errorKey', { redact: ['failure.message', 'failure.password'], errorKey: 'failure' }, () => fields({ password: SECRET }, SECRET)]
    ]
    return cases.map(([name, options, make]) => ({ name: `${name}, ${how}`, run: { server: { ...server(options) }, routes: i === 0 ? failing(make) : failing(make) }, exceptions: 1 }))
  }),
  { name: 'the message, which stands in the line again', run: { server: logger({ redact: ['err.message'] }), routes: logging(log => log.error({ err: new Error(SECRET) }, `failed: ${SECRET}`)) }, exceptions: 1 },
  { name: 'an error in another field', run: { server: logger({ redact: ['error.password', 'error.message'] }), routes: logging(log => log.error({ error: fields({ password: SECRET }, SECRET) }, 'x')) }, exceptions: 1 },
  { name: 'an error below error', run: { server: logger({ redact: ['err.message'] }), routes: logging(log => log.warn(new Error(SECRET))) }, exceptions: 0 },
  { name: 'a child\'s redaction of an error', run: { server: logger({}), routes: logging(log => log.child({}, { redact: ['err.message', 'err.password'] }).error(fields({ password: SECRET }, SECRET))) }, exceptions: 1 },
  {
    name: 'the redaction of the request\'s logger, of an error that nobody logs',
    run: {
      server: silent(logger({})),
      routes: app => {
        app.setChildLoggerFactory((parent, bindings, options) => parent.child(bindings, { ...options, redact: ['err.message'] }))
        app.get('/', async () => { throw new Error(SECRET) })
      }
    },
    exceptions: 1
  },
  { name: 'with exceptions: false', run: { server: logger({ redact: ['err.message', 'err.password'] }), options: { exceptions: false }, routes: failing(() => fields({ password: SECRET }, SECRET)) }, exceptions: 0 },
  { name: 'with logs: false', run: { server: logger({ redact: ['err.message', 'err.password'] }), options: { logs: false }, routes: failing(() => fields({ password: SECRET }, SECRET)) }, exceptions: 1 },
  // By logs.redact.
  { name: 'logs.redact: a field', run: { options: { logs: { redact: ['user.password', '*.token', 'token'] } }, routes: logging(log => log.info({ user: { password: SECRET }, a: { token: SECRET }, token: SECRET }, 'x')) } },
  { name: 'logs.redact: the message', run: { options: { logs: { redact: ['msg'] } }, routes: logging(log => log.info({ a: 1 }, SECRET)) } },
  { name: 'logs.redact: a field with nestedKey', run: { server: logger({ nestedKey: 'payload' }), options: { logs: { redact: ['password'] } }, routes: logging(log => log.info({ password: SECRET }, 'x')) } },
  { name: 'logs.redact: an error', run: { options: { logs: { redact: ['err.message', 'err.password'] } }, routes: failing(() => fields({ password: SECRET }, SECRET)) }, exceptions: 1 },
  { name: 'logs.redact: an error that nobody logs', run: { server: silent(logger({})), options: { logs: { redact: ['err.message', 'err.password'] } }, routes: failing(() => fields({ password: SECRET }, SECRET)) }, exceptions: 1 },
  // By the plugin.
  { name: 'a url in a message', run: { routes: logging(log => log.info(`GET https://api.test/x?page=1&token=${SECRET}#end`)) } },
  { name: 'a connection string in a message', run: { routes: failing(() => new Error(`cannot connect: Server=db;Password=${SECRET};Port=1`)) }, exceptions: 1 },
  { name: 'userinfo in a field', run: { routes: logging(log => log.info({ db: `postgres://app:${SECRET}@db/shop` }, 'x')) } },
  { name: 'the url of a route that is not there', run: { routes: () => {}, act: async app => { await app.inject(`/nowhere?code=${SECRET}`) } } },
  { name: 'requestLogs', run: { options: { logs: { requestLogs: true } }, routes: logging(() => {}), act: async app => { await app.inject(`/?sig=${SECRET}`) } } },
  { name: 'headers in a field', run: { routes: logging(log => log.info({ headers: { Authorization: `Basic ${SECRET}`, 'set-cookie': [SECRET], 'x-functions-key': SECRET } }, 'x')) } },
  { name: 'a bearer token in a message', run: { routes: logging(log => log.info(`sent Authorization: Bearer ${SECRET}.x1`)) } },
  { name: 'an error of axios, logged', run: { routes: failing(axiosError) }, exceptions: 1 },
  { name: 'an error of axios, as a warning', run: { routes: logging(log => log.warn(axiosError())) }, exceptions: 0 },
  { name: 'an error of axios, logged by nobody', run: { server: silent(logger({})), routes: failing(axiosError) }, exceptions: 1 },
  { name: 'an error of axios, in another field', run: { routes: logging(log => log.error({ reason: axiosError() }, 'x')) }, exceptions: 1 }
]

t.test('a secret never leaves', async t => {
  const run = await createRunner(t)
  for (const { name, run: given, exceptions } of cases) {
    t.test(name, async t => {
      const rows = await run(given)
      const sent = wire(rows.all)
      for (const secret of [SECRET, QUOTED, JSON.stringify(QUOTED).slice(1, -1)]) t.notOk(sent.includes(secret), 'it is not in what was sent') || t.comment(sent)
      if (exceptions === undefined) t.ok(rows.traces.length > 0, 'a row arrives')
      else t.equal(rows.exceptions.length, exceptions)
    })
  }
})

t.test('no header with a credential is sent with its value', async t => {
  const run = await createRunner(t)
  const { traces } = await run({ routes: logging(log => log.info({ headers: Object.fromEntries(SECRET_HEADERS.map(name => [name, SECRET])) }, 'x')) })
  t.notMatch(wire(traces), SECRET)
  t.equal(traces[0]!.customDimensions.headers!.match(/REDACTED/g)?.length, SECRET_HEADERS.length)
})

t.test('values that are not secret arrive', async t => {
  const run = await createRunner(t)
  const { traces } = await run({
    routes: logging(log => log.info({
      url: 'https://api.test/x?page=1&tokens=2', mail: 'a@b.test', note: 'Basic authentication failed: bearer of news', list: 'a=1;b=2', cookies: 3
    }, 'exit code=1; done'))
  })
  t.match(traces[0], {
    message: 'exit code=1; done',
    customDimensions: { url: 'https://api.test/x?page=1&tokens=2', mail: 'a@b.test', note: 'Basic authentication failed: bearer of news', list: 'a=1;b=2', cookies: '3' }
  })
})

t.test('an error keeps what its logger left of it', async t => {
  const run = await createRunner(t)
  const { exceptions } = await run({ server: logger({ redact: ['err.message'] }), routes: failing(() => new TypeError(`pay ${SECRET}`)) })
  t.match(exceptions[0], { exceptionType: 'TypeError', outerMessage: '[Redacted]', customDimensions: { logMessage: '[Redacted]' } })
  t.match(exceptions[0]!.details[0]!.stack, /^TypeError: \[Redacted\]\n {4}at /)
})
