/** Every way to configure pino in a Fastify app: the destination gets the same bytes, and the row arrives. */
import { readFileSync } from 'node:fs'
import { Writable } from 'node:stream'
import { join } from 'node:path'
import fastify, { type FastifyBaseLogger, type FastifyInstance, type FastifyServerOptions, LogController } from 'fastify'
import pino from 'pino'
import pretty from 'pino-pretty'
import pino9 from 'pino9'
import t, { type Test } from 'tap'
import { type Rows, type Run, createRunner } from '../fixtures/rows'

interface Destination {
  lines: string[]
  write: (line: string) => void
}

interface Case extends Omit<Run, 'server' | 'act'> {
  name: string
  server: (destination: Destination, directory: string) => FastifyServerOptions
  /** What the app does in its request. @default `log.info({ a: 1 }, 'hello')` */
  log?: (log: FastifyBaseLogger, app: FastifyInstance) => void
  /** Expectations for the single trace row. */
  row?: Record<string, unknown>
  /** Used instead, if the case has more than one row. */
  check?: (t: Test, rows: Rows) => void
  /** How to get the bytes. @default the destination's lines */
  read?: (destination: Destination, directory: string) => Promise<string>
}

const logger = (options: object) => (stream: Destination): FastifyServerOptions => ({ logger: { stream, ...options } })
const hello = { message: 'hello', severityLevel: 1, customDimensions: { a: '1', reqId: 'req-1' } }
const NOW = 'now'
const absent = (...names: string[]) => (dimensions: Record<string, string>) => names.every(name => !(name in dimensions))
const syslog = { emerg: 0, alert: 1, crit: 2, error: 3, warning: 4, notice: 5, info: 6, debug: 7 }

const cases: Case[] = [
  { name: 'pino as it comes', server: logger({}), row: hello },
  ...([['trace', 0], ['debug', 0], ['info', 1], ['warn', 2], ['error', 3], ['fatal', 4]] as const).map(([level, severityLevel]): Case => ({
    name: `level ${level}`,
    server: logger({ level: 'trace' }),
    log: log => log[level]('hello'),
    row: { message: 'hello', severityLevel, customDimensions: absent('level', 'pid', 'hostname', 'time', 'msg') }
  })),
  {
    name: 'a custom level between two others',
    server: logger({ customLevels: { audit: 35 } }),
    log: log => (log as unknown as { audit: (message: string) => void }).audit('hello'),
    row: { message: 'hello', severityLevel: 1 }
  },
  {
    name: 'custom levels only, on a scale of their own',
    server: logger({ customLevels: { low: 1, error: 2, high: 3, info: 4, warn: 5, debug: 6, trace: 7, fatal: 8 }, useOnlyCustomLevels: true, level: 'low' }),
    log: log => log.warn('hello'),
    row: { message: 'hello', severityLevel: 2 }
  },
  ...([['emerg', 4], ['crit', 4], ['error', 3], ['warning', 2], ['notice', 1], ['info', 1], ['debug', 0]] as const).map(([level, severityLevel]): Case => ({
    name: `inverted levels: ${level}`,
    server: stream => {
      const instance = pino({ customLevels: { ...syslog, fatal: -1, warn: 8, trace: 9 }, useOnlyCustomLevels: true, levelComparison: 'DESC', level: 'debug' }, stream)
      return { loggerInstance: instance as unknown as FastifyBaseLogger, disableRequestLogging: true }
    },
    log: log => (log as unknown as Record<string, (message: string) => void>)[level]!('hello'),
    row: { message: 'hello', severityLevel }
  })),
  { name: 'formatters: level as a label', server: logger({ formatters: { level: (label: string) => ({ level: label }) } }), row: { ...hello, customDimensions: (d: Record<string, string>) => !('level' in d) && d.a === '1' } },
  { name: 'formatters: level under another name', server: logger({ formatters: { level: (label: string) => ({ severity: label.toUpperCase() }) } }), row: { ...hello, customDimensions: { severity: 'INFO' } } },
  { name: 'formatters: bindings', server: logger({ formatters: { bindings: () => ({ app: 'shop' }) } }), row: { ...hello, customDimensions: { app: 'shop' } } },
  { name: 'formatters: log', server: logger({ formatters: { log: (object: object) => ({ ...object, added: true }) } }), row: { ...hello, customDimensions: { a: '1', added: 'true' } } },
  { name: 'messageKey', server: logger({ messageKey: 'message' }), row: { ...hello, customDimensions: absent('message') } },
  { name: 'errorKey', server: logger({ errorKey: 'failure' }), log: log => log.warn(Object.assign(new TypeError('bad'), { stack: 'TypeError: bad\n    at here' })), row: { message: 'bad', severityLevel: 2, customDimensions: { failure: /"type":"TypeError","message":"bad","stack":"TypeError: bad\\n {4}at here"/ } } },
  { name: 'nestedKey', server: logger({ nestedKey: 'payload' }), row: hello },
  { name: 'nestedKey and a field named like a binding', server: logger({ nestedKey: 'payload' }), log: log => log.info({ reqId: 'mine' }, 'hello'), row: { message: 'hello', customDimensions: { reqId: 'req-1', 'payload.reqId': 'mine' } } },
  { name: 'timestamp: epoch', server: logger({ timestamp: () => ',"time":1700000000000' }), row: { ...hello, timestamp: '2023-11-14T22:13:20.000Z' } },
  { name: 'timestamp: seconds of the past', server: logger({ timestamp: () => ',"time":1700000000' }), row: { ...hello, timestamp: '2023-11-14T22:13:20.000Z', customDimensions: absent('time') } },
  { name: 'timestamp: seconds of now', server: logger({ timestamp: pino.stdTimeFunctions.unixTime }), row: { ...hello, timestamp: NOW } },
  { name: 'timestamp: ISO', server: logger({ timestamp: pino.stdTimeFunctions.isoTime }), row: { ...hello, timestamp: NOW, customDimensions: absent('time') } },
  { name: 'timestamp: ISO of the past', server: logger({ timestamp: () => ',"time":"2023-11-14T22:13:20.123Z"' }), row: { ...hello, timestamp: '2023-11-14T22:13:20.123Z' } },
  { name: 'timestamp: none', server: logger({ timestamp: false }), row: { ...hello, timestamp: NOW } },
  { name: 'timestamp: another name', server: logger({ timestamp: () => ',"@timestamp":"2023-11-14T22:13:20.123Z"' }), row: { ...hello, timestamp: '2023-11-14T22:13:20.123Z', customDimensions: absent('@timestamp') } },
  { name: 'timestamp: none of ours to read', server: logger({ timestamp: () => ',"time":"noon"' }), row: { ...hello, timestamp: NOW } },
  { name: 'timestamp: and a field of that name', server: logger({}), log: log => log.info({ time: '12:00' }, 'hello'), row: { message: 'hello', timestamp: NOW, customDimensions: { time: '12:00' } } },
  { name: 'a field named level', server: logger({}), log: log => log.info({ level: 'gold' }, 'hello'), row: { message: 'hello', severityLevel: 1, customDimensions: { level: 'gold' } } },
  { name: 'base: null', server: logger({ base: null }), row: hello },
  { name: 'base of the app', server: logger({ base: { region: 'west' } }), row: { ...hello, customDimensions: { region: 'west' } } },
  { name: 'name', server: logger({ name: 'shop' }), row: { ...hello, customDimensions: { name: 'shop' } } },
  { name: 'serializers of the logger', server: logger({ serializers: { a: (value: number) => `<${value}>` } }), row: { ...hello, customDimensions: { a: '<1>' } } },
  { name: 'serializers of the route', server: logger({}), routes: app => { app.get('/route', { logSerializers: { a: (value: number) => `[${value}]` } }, async request => { request.log.info({ a: 1 }, 'hello') }) }, row: { ...hello, customDimensions: { a: '[1]' } } },
  { name: 'serializers of a child', server: logger({}), log: log => log.child({}, { serializers: { a: (value: number) => `{${value}}` } }).info({ a: 1 }, 'hello'), row: { ...hello, customDimensions: { a: '{1}' } } },
  { name: 'redact: censor', server: logger({ redact: { paths: ['a'], censor: '***' } }), row: { ...hello, customDimensions: { a: '***' } } },
  { name: 'redact: remove', server: logger({ redact: { paths: ['a'], remove: true } }), row: { ...hello, customDimensions: absent('a') } },
  { name: 'redact: wildcard', server: logger({ redact: ['*.secret'] }), log: log => log.info({ a: { secret: 's3cret' } }, 'hello'), row: { message: 'hello', customDimensions: { a: '{"secret":"[Redacted]"}' } } },
  { name: 'redact of a child', server: logger({}), log: log => log.child({}, { redact: ['a'] }).info({ a: 1 }, 'hello'), row: { ...hello, customDimensions: { a: '[Redacted]' } } },
  { name: 'mixin', server: logger({ mixin: () => ({ mixed: 'in' }) }), row: { ...hello, customDimensions: { a: '1', mixed: 'in' } } },
  { name: 'mixin that gives nothing', server: logger({ mixin: () => ({}), mixinMergeStrategy: () => undefined }), check: (t, { traces }) => t.ok(traces.some(row => row.message === 'hello')) },
  { name: 'msgPrefix', server: logger({ msgPrefix: '[shop] ' }), row: { ...hello, message: '[shop] hello' } },
  { name: 'crlf', server: logger({ crlf: true }), row: hello },
  { name: 'hooks: logMethod', server: logger({ hooks: { logMethod (this: unknown, args: unknown[], method: (...args: unknown[]) => void) { method.apply(this, [args[0], `(${String(args[1])})`]) } } }), row: { ...hello, message: '(hello)' } },
  { name: 'hooks: streamWrite', server: logger({ hooks: { streamWrite: (line: string) => line.replaceAll('hello', 'masked') } }), row: { ...hello, message: 'masked' } },
  { name: 'hooks: streamWrite that writes no JSON', server: logger({ hooks: { streamWrite: (line: string) => line.includes('closed') ? line : 'plain text\n' } }), check: (t, { traces }) => t.ok(traces.some(row => row.message === 'plain text')) },
  { name: 'children and their bindings', server: logger({}), log: log => log.child({ module: 'db' }).child({ table: 'users' }).info({ a: 1 }, 'hello'), row: { ...hello, customDimensions: { module: 'db', table: 'users', a: '1' } } },
  { name: 'a child with levels of its own', server: logger({}), log: log => (log.child({}, { customLevels: { critical: 90 } } as object) as unknown as { critical: (message: string) => void }).critical('hello'), row: { message: 'hello', severityLevel: 4 } },
  { name: 'setBindings', server: logger({}), log: log => { (log as unknown as pino.Logger).setBindings({ late: true }); log.info({ a: 1 }, 'hello') }, row: { ...hello, customDimensions: { late: 'true' } } },
  { name: 'interpolation', server: logger({ redact: ['secret'] }), log: log => log.info('%s has %d and %o', 'it', 5, { secret: 's3cret' }), row: { message: 'it has 5 and {"secret":"[Redacted]"}' } },
  { name: 'loggerInstance', server: stream => ({ loggerInstance: pino({ base: { own: 1 } }, stream) as FastifyBaseLogger }), row: { ...hello, customDimensions: { own: '1', a: '1' } } },
  { name: 'loggerInstance that is a child', server: stream => ({ loggerInstance: pino({}, stream).child({ module: 'web' }) as FastifyBaseLogger }), row: { ...hello, customDimensions: { module: 'web', a: '1' } } },
  {
    name: 'multistream',
    server: stream => ({ loggerInstance: pino({}, pino.multistream([{ level: 'info', stream }, { level: 'error', stream: { write: line => stream.write(`error: ${line}`) } }])) as FastifyBaseLogger }),
    log: log => { log.info({ a: 1 }, 'hello'); log.error('worse') },
    check: (t, { traces }) => t.match(traces, [hello, { message: 'worse', severityLevel: 3 }])
  },
  {
    name: 'a destination that asks for metadata',
    server: stream => ({
      logger: {
        stream: {
          [Symbol.for('pino.metadata')]: true,
          write (this: { lastLevel: number, lastMsg: string, lastObj: object, lastTime: string, lastLogger: { bindings: () => object } }, line: string) {
            stream.write(`${this.lastLevel} ${this.lastMsg} ${Object.keys(this.lastObj).join()} ${this.lastTime.length} ${JSON.stringify(this.lastLogger.bindings())} ${line}`)
          }
        }
      }
    }),
    row: hello
  },
  { name: 'a stream of Node', server: stream => ({ logger: { stream: new Writable({ write (chunk, _encoding, done) { stream.write(String(chunk)); done() } }) } }), row: hello },
  { name: 'pino.destination', server: (_stream, directory) => ({ logger: { stream: pino.destination({ dest: join(directory, 'log'), sync: true }) } }), read: async (_stream, directory) => readFileSync(join(directory, 'log'), 'utf8'), row: hello },
  { name: 'pino.destination that buffers', server: (_stream, directory) => ({ logger: { stream: pino.destination({ dest: join(directory, 'log'), sync: false, minLength: 4_096 }) } }), log: (log, app) => { log.info({ a: 1 }, 'hello'); (app.log as pino.Logger).flush() }, read: async (_stream, directory) => await until(() => readFileSync(join(directory, 'log'), 'utf8'), 'hello'), row: hello },
  { name: 'a transport in a worker thread', server: (_stream, directory) => ({ logger: { transport: { target: 'pino/file', options: { destination: join(directory, 'log') } } } }), read: async (_stream, directory) => await until(() => readFileSync(join(directory, 'log'), 'utf8'), 'request completed'), row: hello },
  { name: 'pino-pretty beside the app', server: stream => ({ logger: { stream: pretty({ colorize: true, sync: true, destination: new Writable({ write (chunk, _encoding, done) { stream.write(String(chunk)); done() } }) }) } }), row: hello },
  { name: 'pino-pretty as a transport', server: (_stream, directory) => ({ logger: { transport: { target: 'pino-pretty', options: { colorize: false, sync: true, destination: join(directory, 'log') } } } }), read: async (_stream, directory) => await until(() => readFileSync(join(directory, 'log'), 'utf8'), 'request completed'), row: hello },
  { name: 'another copy of pino', server: stream => ({ loggerInstance: pino9({ redact: ['secret'] }, stream) as unknown as FastifyBaseLogger }), log: log => log.info({ a: 1, secret: 's3cret' }, 'hello'), row: { ...hello, customDimensions: { a: '1', secret: '[Redacted]' } } },
  { name: 'logger: false', server: () => ({ logger: false }), check: (t, { traces, requests }) => { t.equal(traces.length, 0); t.equal(requests.length, 1) } },
  {
    name: 'a logger that is not pino',
    server: stream => {
      const write = (...args: unknown[]): void => stream.write(`${JSON.stringify(args.filter(arg => typeof arg === 'string'))}\n`)
      const own: object = { level: 'info', info: write, warn: write, error: write, fatal: write, debug: write, trace: write, silent: write, child: () => own }
      return { loggerInstance: own as FastifyBaseLogger }
    },
    check: (t, { traces, requests }) => { t.equal(traces.length, 0); t.equal(requests.length, 1) }
  },
  { name: 'setChildLoggerFactory', server: logger({}), routes: app => { app.setChildLoggerFactory((parent, bindings, options) => parent.child({ ...bindings, factory: 'mine' }, options)) }, row: { ...hello, customDimensions: { factory: 'mine', a: '1' } } },
  {
    name: 'setChildLoggerFactory: one logger for all requests',
    server: logger({}),
    routes: app => {
      const one = app.log.child({ one: 'for all' })
      app.setChildLoggerFactory(() => one)
    },
    row: { message: 'hello', customDimensions: { one: 'for all', a: '1' }, operation_Name: 'GET /' }
  },
  {
    name: 'setChildLoggerFactory: a logger that is not of the app',
    server: stream => ({ logger: { stream }, childLoggerFactory: (_logger, bindings) => pino({ base: { other: 'logger' }, serializers: { req: () => 'req', res: () => 'res' } }, stream).child(bindings) as unknown as FastifyBaseLogger }) as FastifyServerOptions,
    row: { ...hello, customDimensions: { other: 'logger', a: '1' } }
  },
  {
    name: 'logController of the app',
    server: stream => ({
      logger: { stream },
      logController: new (class extends LogController {
        override incomingRequest (request: { log: FastifyBaseLogger }): void { request.log.info('off we go') }
      })()
    }),
    check: (t, { traces }) => t.match(traces, [{ message: 'off we go' }, hello])
  },
  { name: 'logController with another label for the request', server: stream => ({ logger: { stream }, logController: new LogController({ requestIdLogLabel: 'requestId' }) }), row: { message: 'hello', customDimensions: { requestId: 'req-1' } } },
  { name: 'logController without request lines', server: stream => ({ logger: { stream }, logController: new LogController({ disableRequestLogging: true }) }), row: hello },
  { name: 'disableRequestLogging', server: stream => ({ logger: { stream }, disableRequestLogging: true }), row: hello },
  { name: 'logLevel of the route', server: logger({}), routes: app => { app.get('/route', { logLevel: 'debug' }, async request => { request.log.debug({ a: 1 }, 'hello') }) }, row: { ...hello, severityLevel: 0 } },
  { name: 'a line that is too low for the app', server: logger({ level: 'warn' }), check: (t, { traces }) => t.equal(traces.length, 0) },
  { name: 'requestLogs', server: logger({}), options: { logs: { requestLogs: true } }, check: (t, { traces, requests }) => t.match(traces.toSorted((a, b) => a.itemId - b.itemId), ['incoming request', 'hello', 'request completed'].map(message => ({ message, operation_Id: requests[0]!.operation_Id, operation_ParentId: requests[0]!.id, operation_Name: 'GET /' }))) },
  { name: 'requestLogs and a prefix', server: logger({ msgPrefix: '> ' }), check: (t, { traces }) => t.match(traces.map(row => row.message), ['> hello']) }
]

async function until (read: () => string, text: string): Promise<string> {
  for (;;) {
    const all = (() => { try { return read() } catch { return '' } })()
    if (all.includes(text)) return all
    await new Promise(resolve => setTimeout(resolve, 10))
  }
}

/** What differs between runs, with or without us. */
function stable (bytes: string): string {
  return bytes
    .replace(/(?<=^|\n)[^\n]*Telemetry closed[^]*$/, '')
    .replace(/("time":|"@timestamp":)(?:\d{10,13}|"\d{4}-[^"]+")/g, '$1T')
    .replace(/\[\d\d:\d\d:\d\d\.\d{3}\]/g, '[T]')
    .replace(/(responseTime[^:]*:) ?[\d.]+/g, '$1R')
    .replace(/configurations\.test\.ts:\d+:\d+/g, 'here')
}

t.test('configurations of pino', async t => {
  const run = await createRunner(t)

  for (const { name, server, routes, options = {}, log = defaultLog, read = readLines, row, check } of cases) {
    t.test(name, async t => {
      const setUp = async (app: FastifyInstance): Promise<void> => {
        await routes?.(app)
        app.get('/', async request => { log(request.log, app) })
      }
      const act = async (app: FastifyInstance): Promise<void> => {
        await app.inject(app.hasRoute({ method: 'GET', url: '/route' }) ? '/route' : '/')
      }
      const [plain, observed] = [destination(), destination()]
      const [plainDirectory, observedDirectory] = [t.testdir({ plain: {}, observed: {} })].flatMap(all => [join(all, 'plain'), join(all, 'observed')]) as [string, string]

      const bare = fastify(server(plain, plainDirectory))
      await setUp(bare)
      await act(bare)
      await bare.close()
      const rows = await run({ server: server(observed, observedDirectory), routes: setUp, act, options })

      t.equal(stable(await read(observed, observedDirectory)), stable(await read(plain, plainDirectory)), 'the destination gets the same bytes')
      if (row !== undefined) {
        t.equal(rows.traces.length, 1, 'one row arrives')
        const { customDimensions, timestamp, ...columns } = row
        t.match(rows.traces[0], columns)
        if (timestamp === NOW) t.ok(Math.abs(Date.parse(rows.traces[0]!.timestamp) - Date.now()) < 60_000)
        else if (timestamp !== undefined) t.equal(rows.traces[0]!.timestamp, timestamp)
        if (typeof customDimensions === 'function') t.ok(customDimensions(rows.traces[0]?.customDimensions))
        else if (customDimensions !== undefined) t.match(rows.traces[0]?.customDimensions, customDimensions)
      }
      check?.(t, rows)
    })
  }
})

function destination (): Destination {
  const lines: string[] = []
  return { lines, write: line => { lines.push(line) } }
}

function defaultLog (log: FastifyBaseLogger): void {
  log.info({ a: 1 }, 'hello')
}

async function readLines ({ lines }: Destination): Promise<string> {
  return lines.join('')
}
