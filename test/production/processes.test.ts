/** Containers and processes: docs/examples/container, cluster and worker-threads, run as a platform would run them. */
import { type ChildProcess, spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, readFileSync, readdirSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { type Emulator, startEmulator } from 'fastify-app-insights/emulator'
import t, { type Test } from 'tap'
import { parseAllDocuments } from 'yaml'
import { examples } from '../fixtures/example'
import { temporary } from '../fixtures/telemetry'

interface Running { child: ChildProcess, urls: string[], output: () => string, ended: Promise<[number | null, NodeJS.Signals | null]> }

/** Without the test runner's preloads, which listen for signals themselves. Resolves when `servers` listen. */
async function run (t: Test, file: string, env: NodeJS.ProcessEnv, servers = 1, flags: string[] = [], within: string[] = []): Promise<Running> {
  const inherited = Object.fromEntries(Object.entries(process.env).filter(([name]) => !/^(?:NODE_|TAP|_TAPJS|APPLICATIONINSIGHTS_)/.test(name)))
  // tap's own spawn() puts its preload into NODE_OPTIONS; env(1) takes it out again, and becomes the program.
  const [command, ...args] = [...within, 'env', '-u', 'NODE_OPTIONS', process.execPath, ...flags, join(examples, file)]
  const child = spawn(command!, args, { env: { ...inherited, PORT: '0', HOST: '127.0.0.1', ...env }, stdio: ['ignore', 'pipe', 'pipe'] })
  t.teardown(() => { child.kill('SIGKILL') })
  let output = ''
  const ended = once(child, 'close') as Running['ended']
  const urls = await new Promise<string[]>((resolve, reject) => {
    for (const stream of [child.stdout, child.stderr]) {
      stream.on('data', chunk => {
        output += String(chunk)
        const found = [...output.matchAll(/"Server listening at (http:\/\/127\.0\.0\.1:\d+)"/g)].map(match => match[1]!)
        if (found.length >= servers) resolve(found)
      })
    }
    ended.then(() => reject(new Error(`It ended before it listened:\n${output}`)), reject)
  })
  return { child, urls, output: () => output, ended }
}

async function emulated (t: Test): Promise<Emulator> {
  const emulator = await startEmulator()
  t.teardown(async () => await emulator.close())
  return emulator
}

async function get (url: string, from: number, count: number): Promise<void> {
  for (let id = from; id < from + count; id++) await (await fetch(`${url}/users/${id}`, { headers: { connection: 'close' } })).text()
}

/** What a busy machine could not send within closeTimeout waits on disk: the next process sends it. */
async function sendRest (emulator: Emulator, count: number, again: () => Promise<Running>): Promise<void> {
  const arrived = (type: 'request' | 'trace'): number => emulator.items({ type, operation_Name: 'GET /users/:id' }).length
  if (arrived('request') >= count && arrived('trace') >= count) return
  const next = await again()
  for (const type of ['request', 'trace'] as const) await emulator.waitFor({ type, operation_Name: 'GET /users/:id' }, { count, timeout: 60_000 }).catch(() => [])
  next.child.kill('SIGTERM')
  await next.ended
}

/** Every request and its line once, and nothing twice. */
function isComplete (t: Test, emulator: Emulator, count: number): void {
  for (const [type, read] of [['request', (row: { url?: string }) => row.url], ['trace', (row: { customDimensions: Record<string, string> }) => row.customDimensions.userId]] as const) {
    const rows = emulator.items({ type, operation_Name: 'GET /users/:id' })
    t.equal(rows.length, count, `${count} rows of ${type}`)
    t.equal(new Set(rows.map(read)).size, count, 'each once')
  }
}

t.test('a container: SIGTERM sends everything that is pending, and the exit code is the app\'s', async t => {
  for (const [code, flags] of [[0, []], [7, ['--import', 'data:text/javascript,process.exitCode=7']]] as const) {
    const emulator = await emulated(t)
    emulator.respondWith({ delay: 300 })
    const env = { APPLICATIONINSIGHTS_CONNECTION_STRING: emulator.connectionString, TELEMETRY_DIRECTORY: temporary(t) }
    const { child, urls, ended } = await run(t, 'container/server.mjs', env, 1, [...flags])
    await get(urls[0]!, 0, 20)
    for (const path of ['live', 'ready']) t.equal((await fetch(`${urls[0]!}/health/${path}`)).status, 200)
    child.kill('SIGTERM')
    t.same(await ended, [code, null])
    await sendRest(emulator, 20, async () => await run(t, 'container/server.mjs', env))
    isComplete(t, emulator, 20)
    t.equal(emulator.items({ type: 'request' }).length, 20, 'probes make no rows')
  }
})

t.test('a read-only root file system: the volume keeps rows through an outage, and the next container sends them', async t => {
  const emulator = await emulated(t)
  const volume = t.testdir({})
  // Below a device there are no folders, for root neither: the temporary folder cannot be written to.
  const env = { APPLICATIONINSIGHTS_CONNECTION_STRING: emulator.connectionString, TMPDIR: '/dev/null/tmp', TELEMETRY_DIRECTORY: volume }
  emulator.respondWith(503)
  const first = await run(t, 'container/server.mjs', env)
  await get(first.urls[0]!, 0, 10)
  first.child.kill('SIGTERM')
  t.same(await first.ended, [0, null])
  t.equal(emulator.items({ type: 'request' }).length, 0)
  t.ok(readdirSync(volume, { recursive: true }).length > 0, 'the rows wait in the volume')

  emulator.respondWith()
  const second = await run(t, 'container/server.mjs', env)
  await get(second.urls[0]!, 10, 5)
  await emulator.waitFor({ type: 'request', url: /users\/\d$/ }, { count: 10, timeout: 60_000 })
  second.child.kill('SIGTERM')
  t.same(await second.ended, [0, null])
  await sendRest(emulator, 15, async () => await run(t, 'container/server.mjs', env))
  isComplete(t, emulator, 15)
})

/** Its own process ids and a read-only root, with one folder that can be written to: what a container is made of. */
function contained (volume: string): string[] {
  return ['unshare', '--mount', '--pid', '--fork', '--kill-child', 'sh', '-c',
    `mount --make-rprivate / && mount --bind '${volume}' '${volume}' && mount -o remount,bind,ro / && exec "$@"`, 'sh']
}

function canContain (): boolean {
  if (process.platform !== 'linux') return false
  const [command, ...args] = contained(temporary(t))
  return spawnSync(command!, [...args, 'true']).status === 0
}

t.test('as process 1, with a root that really is read-only', { skip: canContain() ? false : 'needs the right to make namespaces' }, async t => {
  const emulator = await emulated(t)
  const volume = temporary(t)
  const env = { APPLICATIONINSIGHTS_CONNECTION_STRING: emulator.connectionString, TELEMETRY_DIRECTORY: volume }
  const stop = async ({ child, ended }: Running): Promise<void> => {
    // The one process that unshare has started, which is process 1 there: a signal that it did not handle would be ignored.
    const [server] = readFileSync(`/proc/${child.pid!}/task/${child.pid!}/children`, 'utf8').trim().split(' ').map(Number)
    process.kill(server!, 'SIGTERM')
    t.same(await ended, [0, null])
  }
  emulator.respondWith(503)
  const first = await run(t, 'container/server.mjs', env, 1, [], contained(volume))
  await get(first.urls[0]!, 0, 10)
  await stop(first)
  t.notMatch(first.output(), /"level":50/, 'no error in the log')
  t.ok(readdirSync(volume, { recursive: true }).length > 0, 'the rows wait in the volume')
  emulator.respondWith()
  // Two of them share the volume, and each is process 1.
  const next = await Promise.all([1, 2].map(async () => await run(t, 'container/server.mjs', env, 1, [], contained(volume))))
  for (const [index, { urls }] of next.entries()) await get(urls[0]!, 10 + index * 5, 5)
  await emulator.waitFor({ type: 'request' }, { count: 20, timeout: 60_000 })
  for (const running of next) await stop(running)
  await sendRest(emulator, 20, async () => await run(t, 'container/server.mjs', env))
  isComplete(t, emulator, 20)
})

t.test('without any folder to write to, rows are sent all the same, and the app says once that none will be kept', async t => {
  const emulator = await emulated(t)
  const { child, urls, output, ended } = await run(t, 'container/server.mjs', { APPLICATIONINSIGHTS_CONNECTION_STRING: emulator.connectionString, TMPDIR: '/dev/null/tmp', TELEMETRY_DIRECTORY: '/dev/null/telemetry' })
  await get(urls[0]!, 0, 5)
  // Nothing would keep what a busy machine could not send in time.
  await emulator.waitFor({ type: 'trace', operation_Name: 'GET /users/:id' }, { count: 5, timeout: 60_000 })
  child.kill('SIGTERM')
  t.same(await ended, [0, null])
  isComplete(t, emulator, 5)
  t.equal(output().split('\n').filter(line => /"level":(?:40|50)/.test(line)).length, 1, output())
})

t.test('node:cluster: one folder for several processes, no row twice, counts per process', async t => {
  const emulator = await emulated(t)
  const folder = t.testdir({})
  const env = { APPLICATIONINSIGHTS_CONNECTION_STRING: emulator.connectionString, TMPDIR: folder, WORKERS: '3' }
  emulator.respondWith(503)
  const first = await run(t, 'cluster/server.mjs', env, 3)
  await get(first.urls[0]!, 0, 30)
  first.child.kill('SIGTERM')
  t.same(await first.ended, [0, null])
  t.equal(emulator.items({ type: 'request' }).length, 0)

  emulator.respondWith()
  const second = await run(t, 'cluster/server.mjs', env, 3)
  await get(second.urls[0]!, 30, 30)
  await emulator.waitFor({ type: 'request', operation_Name: 'GET /users/:id' }, { count: 60, timeout: 60_000 })
  second.child.kill('SIGTERM')
  t.same(await second.ended, [0, null])
  await sendRest(emulator, 60, async () => await run(t, 'cluster/server.mjs', env, 3))
  isComplete(t, emulator, 60)
  const workers = new Set(emulator.items({ type: 'request' }).map(row => row.customDimensions.worker))
  t.same([...workers].sort(), ['1', '2', '3'], 'all of them have served')
  const counts = emulator.items({ type: 'metric', name: 'fastify_app_insights.rows.sent' })
  t.same([...new Set(counts.map(row => row.customDimensions.worker))].sort(), ['1', '2', '3'], 'each process counts its own rows')
})

t.test('worker_threads: every thread sends its own rows, and SIGTERM to the process ends all of them', async t => {
  const emulator = await emulated(t)
  const env = { APPLICATIONINSIGHTS_CONNECTION_STRING: emulator.connectionString, TMPDIR: temporary(t) }
  const { child, urls, ended } = await run(t, 'worker-threads/server.mjs', env, 2)
  for (const [index, url] of urls.slice(0, 2).entries()) await get(url, index * 10, 10)
  child.kill('SIGTERM')
  t.same(await ended, [0, null])
  await sendRest(emulator, 20, async () => await run(t, 'worker-threads/server.mjs', env, 2))
  isComplete(t, emulator, 20)
  t.equal(new Set(emulator.items({ type: 'request' }).map(row => row.customDimensions.thread)).size, 2)
})

t.test('PM2: the manifest leads to a program, and leaves it time to send the rest', async t => {
  const file = join(examples, 'cluster', 'ecosystem.config.cjs')
  const { apps } = require(file) as { apps: Array<Record<string, unknown>> }
  t.match(apps, [{ name: 'shop', exec_mode: 'cluster', instances: 'max' }])
  t.ok(existsSync(join(dirname(file), String(apps[0]!.script))))
  t.ok(Number(apps[0]!.kill_timeout) > 5_000, 'longer than closeTimeout')
})

const text = (name: string): string => readFileSync(join(examples, 'container', name), 'utf8')
const documents = (name: string): unknown[] => parseAllDocuments(text(name)).map(document => {
  t.same(document.errors, [], `${name} is YAML`)
  return document.toJS() as unknown
})

t.test('the Dockerfile: not root, signals reach Node.js, a volume for what waits', async t => {
  const lines = text('Dockerfile').replaceAll('\\\n', ' ').split('\n')
  t.ok(lines.includes('USER node'))
  t.ok(lines.includes('CMD ["node", "server.mjs"]'), 'node itself is process 1')
  const folder = /TELEMETRY_DIRECTORY=(\S+)/.exec(text('Dockerfile'))![1]!
  t.ok(lines.includes(`VOLUME ${folder}`))
  t.match(text('Dockerfile'), `mkdir -p ${folder} && chown node:node ${folder}`)
  t.notMatch(text('Dockerfile'), /CONNECTION_STRING|InstrumentationKey/, 'no secret is in the image')
  t.match(documents('kubernetes.yaml')[1], { spec: { template: { spec: { containers: [{ volumeMounts: [{ mountPath: folder }] }] } } } })
  t.match(documents('container-app.yaml')[0], { properties: { template: { containers: [{ volumeMounts: [{ mountPath: folder }] }] } } })
})

t.test('Kubernetes and Container Apps: probes, a secret, a volume, time to end', async t => {
  const served = [...text('server.mjs').matchAll(/app\.get\('(\/health\/\w+)'/g)].map(match => match[1])
  const [secret, deployment] = documents('kubernetes.yaml') as [object, { spec: { template: { spec: { volumes: Array<{ name: string }>, containers: Array<{ volumeMounts: Array<{ name: string }>, livenessProbe: { httpGet: { path: string } }, readinessProbe: { httpGet: { path: string } } }> } } } }]
  t.match(secret, { kind: 'Secret', metadata: { name: 'application-insights' }, stringData: { 'connection-string': /^$/ } })
  t.match(deployment, {
    kind: 'Deployment',
    spec: {
      template: {
        spec: {
          terminationGracePeriodSeconds: 30,
          securityContext: { runAsNonRoot: true },
          containers: [{
            env: [{ name: 'APPLICATIONINSIGHTS_CONNECTION_STRING', valueFrom: { secretKeyRef: { name: 'application-insights', key: 'connection-string' } } }],
            securityContext: { readOnlyRootFilesystem: true, allowPrivilegeEscalation: false }
          }]
        }
      }
    }
  })
  const { volumes, containers: [container] } = deployment.spec.template.spec
  t.same(container!.volumeMounts.map(({ name }) => name), volumes.map(({ name }) => name))
  for (const probe of [container!.livenessProbe, container!.readinessProbe]) t.ok(served.includes(probe.httpGet.path))

  const [app] = documents('container-app.yaml') as [{ properties: { configuration: { secrets: Array<{ name: string }> }, template: { containers: Array<{ probes: Array<{ type: string, httpGet: { path: string } }> }> } } }]
  t.match(app, { properties: { configuration: { secrets: [{ name: 'ai', value: /^$/ }] }, template: { terminationGracePeriodSeconds: 30, containers: [{ env: [{ name: 'APPLICATIONINSIGHTS_CONNECTION_STRING', secretRef: 'ai' }, {}] }] } } })
  const { probes } = app.properties.template.containers[0]!
  t.same(probes.map(({ type }) => type), ['Liveness', 'Readiness'])
  for (const { httpGet } of probes) t.ok(served.includes(httpGet.path))
})
