/** Processes of a bench run: started, pinned to cores, asked, ended. */
import { spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { availableParallelism, tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { INGESTION_HOST, LIVE_HOST, createCertificate } from './certificate.mjs'

const here = fileURLToPath(new URL('.', import.meta.url))
const cores = availableParallelism()
export const pinned = cores > 1 && spawnSync('taskset', ['-c', '0', 'true']).status === 0

// The app has the run of the machine, as in production; load and ingestion stay off its first core.
const CORES = {
  app: cores > 3 ? `0-${cores - 3}` : `0-${cores - 1}`,
  load: String(cores - 1),
  ingestion: String(cores > 3 ? cores - 2 : cores - 1)
}

const CONNECTION_STRING = `InstrumentationKey=00000000-0000-0000-0000-0000000000b0;IngestionEndpoint=https://${INGESTION_HOST}/;LiveEndpoint=https://${LIVE_HOST}/`
const certificate = createCertificate()
const folder = mkdtempSync(join(tmpdir(), 'fastify-app-insights-bench-'))
const authority = join(folder, 'authority.pem')
writeFileSync(authority, certificate.cert)
let apps = 0

const children = new Set()
process.on('exit', () => {
  for (const child of children) child.kill('SIGKILL')
  rmSync(folder, { recursive: true, force: true })
})
for (const signal of ['SIGINT', 'SIGTERM']) process.on(signal, () => process.exit(1))

/** Starts `file` and waits until it says that it is ready. */
async function start (file, { args = [], core, env = {}, flags = [], under = [], stderr = 'inherit' }) {
  const command = [...under, process.execPath, ...flags, join(here, file), ...args]
  if (pinned) command.unshift('taskset', '-c', CORES[core])
  const since = performance.now()
  const child = spawn(command[0], command.slice(1), { stdio: ['ignore', 'ignore', stderr, 'ipc'], env: { ...process.env, ...env } })
  children.add(child)
  const exited = once(child, 'exit').then(([code, signal]) => {
    children.delete(child)
    for (const { reject } of asked.values()) reject(new Error(`${file} ended with ${code ?? signal}`))
    return code
  })
  const asked = new Map()
  let next = 1
  let ready
  child.on('error', () => {})
  child.on('message', message => {
    if (message.ready !== undefined) return ready(message.ready)
    const { resolve, reject } = asked.get(message.id)
    asked.delete(message.id)
    if (message.error === undefined) resolve(message.result)
    else reject(new Error(message.error))
  })
  const value = await new Promise((resolve, reject) => {
    ready = resolve
    exited.then(code => reject(new Error(`${file} ${args.join(' ')} ended with ${code} before it was ready`)), reject)
  })
  return {
    ready: value,
    readyAfter: performance.now() - since,
    pid: child.pid,
    exited,
    kill: () => child.kill('SIGKILL'),
    ask (command, given) {
      return new Promise((resolve, reject) => {
        const id = next++
        asked.set(id, { resolve, reject })
        child.send({ id, command, given }, error => { if (error) reject(error) })
      })
    },
    async end () {
      if (child.exitCode === null && child.signalCode === null) child.kill('SIGKILL')
      await exited
    }
  }
}

export async function startIngestion (script) {
  const ingestion = await start('ingestion.mjs', { core: 'ingestion', env: { BENCH_CERTIFICATE: JSON.stringify(certificate) } })
  if (script !== undefined) await ingestion.ask('script', script)
  return Object.assign(ingestion, { port: ingestion.ready })
}

export async function startLoad () {
  return await start('load.mjs', { core: 'load' })
}

/**
 * An app with `peer`. What it stores on disk goes into a folder of its own, which `end()` removes.
 * @param port of the ingestion endpoint
 * @param options.successorOf an app that has ended, whose folder this one takes over
 * @param options.under the command that runs Node.js, such as a profiler, for the app's folder
 */
export async function startApp (peer, port, { mode = 'load', flags = [], file = 'server.cjs', successorOf, under = () => [] } = {}) {
  const own = successorOf?.folder ?? join(folder, `app-${++apps}`)
  const others = join(own, 'others')
  mkdirSync(own, { recursive: true })
  const app = await start(file, {
    args: [peer, mode],
    core: 'app',
    under: under(own),
    flags: ['--require', join(here, 'guard.cjs'), ...flags],
    env: {
      BENCH_CONNECTION_STRING: CONNECTION_STRING,
      BENCH_HOST: INGESTION_HOST,
      BENCH_PORT: String(port),
      BENCH_OTHERS: others,
      NODE_EXTRA_CA_CERTS: authority,
      TMPDIR: own,
      NODE_ENV: 'production',
      OTEL_SERVICE_NAME: 'bench'
    },
    // A crash is meant to be loud; here it would drown the table.
    stderr: process.env.BENCH_DEBUG ? 'inherit' : 'ignore'
  })
  const { end } = app
  return Object.assign(app, {
    port: app.ready,
    folder: own,
    /** Hosts that it contacted, or tried to, beside the ingestion endpoint. */
    others: () => existsSync(others) ? [...new Set(readFileSync(others, 'utf8').trim().split('\n'))] : [],
    async end () {
      await end()
      rmSync(own, { recursive: true, force: true })
    }
  })
}

/** @returns whether it happened in time */
export async function within (milliseconds, promise) {
  let timer
  const late = Symbol('late')
  const result = await Promise.race([promise, new Promise(resolve => { timer = setTimeout(resolve, milliseconds, late) })])
  clearTimeout(timer)
  return result !== late
}

/** Takes an app to where a service is after its first minutes: see `collect` in server.cjs. */
export async function age (app, run, { times, count } = { times: 10, count: 256 }) {
  for (let n = 0; n < times; n++) {
    await run(count, n * count)
    await app.ask('collect')
  }
}
