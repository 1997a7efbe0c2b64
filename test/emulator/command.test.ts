import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { createRequire } from 'node:module'
import { createServer, type AddressInfo } from 'node:net'
import { dirname, join } from 'node:path'
import t, { type Test } from 'tap'
import { post, trace } from '../fixtures/envelopes'

const bin = join(dirname(createRequire(__filename).resolve('fastify-app-insights/package.json')), 'dist/command/index.js')

function run (t: Test, args: string[]) {
  const child = spawn(process.execPath, [bin, ...args], { stdio: ['ignore', 'pipe', 'pipe'] })
  t.teardown(() => child.kill('SIGKILL'))
  let output = ''
  const printed = (pattern: RegExp) => new Promise<RegExpExecArray>(resolve => {
    const look = () => {
      const match = pattern.exec(output)
      if (match) resolve(match)
    }
    child.stdout.on('data', look)
    look()
  })
  for (const stream of [child.stdout, child.stderr]) stream.setEncoding('utf8').on('data', chunk => { output += chunk })
  const ended = once(child, 'close').then(([code]) => ({ code: code as number | null, output }))
  return { child, printed, ended }
}

t.test('says where it is, takes telemetry, and ends cleanly', async t => {
  const { child, printed, ended } = run(t, ['emulator', '--port', '0'])
  const [, url] = await printed(/emulator: (http:\/\/127\.0\.0\.1:\d+)\nConnection string: InstrumentationKey=.*\n/)
  t.equal((await post(url, [trace()])).status, 200)
  child.kill('SIGINT')
  t.equal((await ended).code, 0)
})

t.test('a port in use is said plainly', async t => {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.teardown(() => { server.close() })
  const { code, output } = await run(t, ['emulator', '--port', String((server.address() as AddressInfo).port)]).ended
  t.equal(code, 1)
  t.match(output, /in use/)
})

t.test('what it does not understand is answered with its usage', async t => {
  for (const args of [[], ['nonsense'], ['constructor'], ['emulator', '--nonsense'], ['emulator', '--port', 'x'], ['emulator', '--port', '70000']]) {
    const { code, output } = await run(t, args).ended
    t.equal(code, 2, args.join(' '))
    t.match(output, /Usage/)
  }
  for (const args of [['--help'], ['emulator', '--help']]) t.match(await run(t, args).ended, { code: 0, output: /Usage/ })
})
