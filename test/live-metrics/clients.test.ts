import { fork } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { createServer } from 'node:https'
import { request as httpRequest } from 'node:http'
import type { AddressInfo } from 'node:net'
import { dirname, join } from 'node:path'
import { setTimeout as wait } from 'node:timers/promises'
import { ROOT_CONTEXT, context } from '@opentelemetry/api'
import { suppressTracing } from '@opentelemetry/core'
import fastify from 'fastify'
import appInsightsPlugin from 'fastify-app-insights'
import { startEmulator, type Emulator } from 'fastify-app-insights/emulator'
import t, { type Test } from 'tap'
import { counter, total, until } from '../fixtures/live'

const QUIET = { APPLICATION_INSIGHTS_NO_STATSBEAT: 'true', APPLICATIONINSIGHTS_STATSBEAT_DISABLED: 'true', APPLICATIONINSIGHTS_SDKSTATS_DISABLED: 'true' }
const FIXTURES = join(dirname(__dirname), 'fixtures')
const CERTIFICATE = join(FIXTURES, 'tls-cert.pem')

/** Azure's clients speak TLS only. */
async function overTls (t: Test, emulator: Emulator): Promise<number> {
  const server = createServer({ key: readFileSync(join(FIXTURES, 'tls-key.pem')), cert: readFileSync(CERTIFICATE) }, (request, response) => {
    const forwarded = httpRequest(emulator.url + request.url, { method: request.method, headers: request.headers }, answer => {
      response.writeHead(answer.statusCode ?? 500, answer.headers)
      answer.pipe(response)
    })
    // At the end of the test the emulator closes while the clients still post.
    forwarded.on('error', () => response.destroy())
    request.pipe(forwarded)
  })
  // The classic client expects to be asked for the body.
  server.on('checkContinue', (request, response) => {
    response.writeContinue()
    server.emit('request', request, response)
  })
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
  t.teardown(() => { server.close().closeAllConnections() })
  return (server.address() as AddressInfo).port
}

/** @param program and its arguments */
async function service (t: Test, name: string, [program, ...args]: string[], connectionString: string, livePort: number): Promise<string> {
  const child = fork(join(FIXTURES, program!), args, {
    execArgv: [],
    stdio: ['ignore', 'pipe', 'inherit', 'ipc'],
    env: { ...process.env, ...QUIET, NODE_OPTIONS: '', NODE_EXTRA_CA_CERTS: CERTIFICATE, LIVE_PORT: String(livePort), OTEL_SERVICE_NAME: name, APPLICATIONINSIGHTS_CONNECTION_STRING: connectionString }
  })
  t.teardown(() => { child.kill('SIGKILL') })
  let said = ''
  for await (const chunk of child.stdout ?? []) {
    said += String(chunk)
    if (/http:\S+\n/.test(said)) break
  }
  return /http:\S+/.exec(said)?.[0] ?? ''
}

t.test("Azure's own clients show the same numbers as the plugin on the same load", async t => {
  Object.assign(process.env, QUIET)
  const emulator = await startEmulator()
  t.teardown(() => emulator.close())
  const port = await overTls(t, emulator)
  const ofOthers = emulator.connectionString.replace(/LiveEndpoint=.*/, `LiveEndpoint=https://localhost:${port}`)
  emulator.live.watch()
  const programs = { classic: ['live-classic.cjs'], distro: ['live-distro.cjs', '@azure/monitor-opentelemetry'], applicationinsights3: ['live-distro.cjs', 'applicationinsights3'] }
  const others = await Promise.all(Object.entries(programs).map(([name, program]) => service(t, name, program, ofOthers, port)))
  const app = fastify({ logger: false })
  await app.register(appInsightsPlugin, { connectionString: emulator.connectionString, serviceName: 'ours', logs: false })
  app.get('/bad', async (_request, reply) => await reply.code(500).send('done'))
  app.get('/fine', async () => 'done')
  const ours = await app.listen({ port: 0, host: '127.0.0.1' })
  t.teardown(() => app.close())

  await until('all four post', () => emulator.live.servers.filter(({ points }) => points.length > 1).length === 4)
  const load = async (url: string): Promise<void> => {
    for (let i = 0; i < 40; i++) await (await context.with(suppressTracing(ROOT_CONTEXT), fetch, undefined, `${url}/${i % 4 === 0 ? 'bad' : 'fine'}`)).text()
  }
  await Promise.all([...others, ours].map(load))
  const servers = emulator.live.servers
  await until('all requests of all four', () => servers.every(server => total(server, counter('Requests/Sec')) > 38))
  await wait(1_500)
  for (const server of servers) {
    const near = (name: string, expected: number): void => {
      const found = total(server, counter(name))
      t.ok(Math.abs(found - expected) <= expected * 0.2, `${server.role} (${server.version}), ${name}: ${found.toFixed(2)}, not ${expected}`)
    }
    near('Requests/Sec', 40)
    near('Requests Failed/Sec', 10)
    t.ok(server.points.some(({ metrics }) => metrics[counter('Request Duration')] > 0), `${server.role} tells durations`)
    t.ok(server.points.at(-1)!.metrics['\\Memory\\Committed Bytes'] > 1e6, `${server.role} tells its memory`)
  }
  t.ok(servers.some(({ version }) => version.includes('dst')), 'one of them is the distro')
  for (const role of ['ours', 'distro', 'applicationinsights3']) {
    const { streamId } = servers.find(each => each.role === role)!
    t.ok(emulator.live.documents.some(({ server, type, fields }) => server === streamId && type === 'Request' && fields.ResponseCode === '500'), `${role} sends documents`)
  }
})
