/** SIGTERM and SIGINT belong to the app: it ends the same with and without the plugin, whatever it does and whenever it does so. */
import { type ChildProcess, execFileSync } from 'node:child_process'
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { startEmulator } from 'fastify-app-insights/emulator'
import t, { type Test } from 'tap'
import { plainNode, type PlainEnd } from './fixtures/plain-node'

const fixture = join(__dirname, 'fixtures/signals.cjs')
t.jobs = 2

if (process.platform === 'win32') {
  t.comment('a process cannot be sent a signal that it could handle')
} else {
  const ways = JSON.parse(execFileSync(process.execPath, ['-e', `
    process.argv[2] = 'nobody'
    const Module = require('module')
    const load = Module._load
    Module._load = name => name === 'fastify' ? () => ({ get () {}, async listen () { process.exit() } }) : load(name)
    console.log(JSON.stringify(require(${JSON.stringify(fixture)})))
  `], { env: { PATH: process.env.PATH } }).toString()) as string[]
  t.ok(ways.length > 20)
  for (const how of ways) {
    // The other ways don't depend on which signal it is.
    for (const signal of ['on', 'once', 'alone', 'removed', 'nobody', 'grace'].includes(how) ? ['SIGTERM', 'SIGINT'] as const : ['SIGTERM'] as const) {
      t.test(`${signal}, ${how}: ends the same with and without the plugin, and the request is delivered`, async t => await endsAsWithout(t, how, signal))
    }
  }

  for (const [file, name] of gettingStarted()) {
    t.test(`the unchanged getting started code (${name}) closes on SIGTERM`, async t => {
      const emulator = await startEmulator()
      t.teardown(async () => await emulator.close())
      const folder = t.testdir({ 'server.mjs': file })
      const ended = await plainNode([join(folder, 'server.mjs')], { APPLICATIONINSIGHTS_CONNECTION_STRING: emulator.connectionString }, signalAfter('Server listening', 'SIGTERM', 500))
      t.equal(ended.code, 0, ended.stderr)
    })
  }
}

async function endsAsWithout (t: Test, how: string, signal: NodeJS.Signals): Promise<void> {
  const emulator = await startEmulator()
  t.teardown(async () => await emulator.close())
  const directory = t.testdir({})
  // Signal both runs after the same delay: one may emit it by itself.
  const end = async (env: NodeJS.ProcessEnv): Promise<PlainEnd> => await plainNode([fixture, how, signal, directory], env, signalAfter('ready', signal, 100))
  const [without, within] = await Promise.all([end({}), end({ APPLICATIONINSIGHTS_CONNECTION_STRING: emulator.connectionString })])
  t.same(within, without)
  // A handler that kills its own process at once leaves no time to deliver anything.
  if (['alone', 'aloneBefore', 'killsItself'].includes(how)) return
  const isDelivered = emulator.items({ type: 'request' }).length === 1
  // Ctrl-C has only a second: on a busy machine the rows are on disk by then.
  t.ok(isDelivered || readdirSync(directory, { recursive: true }).some(name => String(name).endsWith('.spool')), 'delivered, or on disk')
}

/** Once: a second signal would end a process that is closing. The text may come before the program goes on. */
function signalAfter (text: string, signal: NodeJS.Signals, delay: number): (child: ChildProcess, stdout: string) => void {
  let isSent = false
  return (child, stdout) => {
    if (isSent || !stdout.includes(text)) return
    isSent = true
    setTimeout(() => child.kill(signal), delay)
  }
}

function gettingStarted (): Array<[program: string, name: string]> {
  const page = readFileSync(join(__dirname, '../docs/getting-started.md'), 'utf8')
  const [app, close] = [...page.matchAll(/<!-- runs.*?-->\n```js\n(.*?)```/gs)].map(([, code]) => code!.replace('port: 3000', 'port: 0'))
  return [[`${app}\n${close}`, 'listener last'], [app!.replace('await app.listen', `${close}\nawait app.listen`), 'listener before listen']]
}
