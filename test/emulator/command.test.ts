import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, openSync } from 'node:fs'
import { createRequire } from 'node:module'
import { createServer, type AddressInfo } from 'node:net'
import { dirname, join } from 'node:path'
import { startEmulator } from 'fastify-app-insights/emulator'
import t, { type Test } from 'tap'
import { post, request, trace } from '../fixtures/envelopes'

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
    for (const stream of [child.stdout, child.stderr]) stream.on('data', look)
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

t.test('prints a line per operation, which no received text can break', async t => {
  const { child, printed, ended } = run(t, ['emulator', '--port', '0'])
  const [, url] = await printed(/emulator: (\S+)\n/)
  await post(url, [trace(), trace(), request({ name: 'GET /a\u001b[2J\nb' })])
  child.kill('SIGTERM')
  const { code, output } = await ended
  t.equal(code, 0)
  t.match(output, /200 {2}GET \/a \[2J b {2}12\.5 ms {2}2 logs {2}http:\S+operation\?id=0af7651916cd43dd8448eb211c80319c/)
})

t.test('--json prints nothing but rows on standard output', async t => {
  const { child, printed, ended } = run(t, ['emulator', '--port', '0', '--json'])
  let rows = ''
  child.stdout.on('data', chunk => { rows += chunk })
  const [, url] = await printed(/emulator: (\S+)\n/)
  await post(url, [trace('one'), request()])
  await printed(/"type":"request"/)
  child.kill('SIGTERM')
  await ended
  t.match(rows.trim().split('\n').map(line => JSON.parse(line)), [{ type: 'trace', message: 'one' }, { type: 'request', resultCode: '200' }])
})

t.test('--file keeps the rows over restarts', async t => {
  const file = join(t.testdir(), 'data.ndjson')
  for (const expected of [1, 2]) {
    const { child, printed, ended } = run(t, ['emulator', '--port', '0', '--file', file])
    const [, url] = await printed(/emulator: (\S+)\n/)
    await post(url, [trace(`run ${expected}`)])
    t.equal((await (await fetch(`${url}/api/rows`)).json() as unknown[]).length, expected)
    child.kill('SIGTERM')
    await ended
  }
})

t.test('output that nobody reads to its end is no failure', async t => {
  const emulator = await startEmulator()
  t.teardown(() => emulator.close())
  for (const args of [['query', 'range x from 1 to 100000 step 1', '--csv', '--url', emulator.url], ['query', '--help'], ['nonsense']]) {
    const child = spawn(process.execPath, [bin, ...args], { stdio: ['ignore', 'pipe', 'pipe'] })
    t.teardown(() => child.kill('SIGKILL'))
    let errors = ''
    if (args[0] === 'nonsense') child.stderr.destroy()
    else child.stderr.setEncoding('utf8').on('data', chunk => { errors += chunk })
    child.stdout.destroy()
    const [code] = await once(child, 'close')
    t.equal(code, args[0] === 'nonsense' ? 2 : 0)
    t.equal(errors, '')
  }
})

t.test('output that a full disk refuses is told', { skip: !existsSync('/dev/full') }, async t => {
  const child = spawn(process.execPath, [bin, '--help'], { stdio: ['ignore', openSync('/dev/full', 'w'), 'pipe'] })
  let errors = ''
  child.stderr!.setEncoding('utf8').on('data', chunk => { errors += chunk })
  const [code] = await once(child, 'close')
  t.equal(code, 1)
  t.match(errors, /^The output can't be written: .*ENOSPC.*\n$/)
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
