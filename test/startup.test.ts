import { execFile } from 'node:child_process'
import { join } from 'node:path'
import { promisify } from 'node:util'
import t from 'tap'

const run = promisify(execFile)
const PAIRS = 6

async function start (how: 'with' | 'without'): Promise<{ milliseconds: number, packages: string[], own: string[] }> {
  const node = [process.execPath, join(__dirname, 'fixtures/starts.cjs'), how]
  // tap adds a compiler to every child through NODE_OPTIONS, which takes far longer to start than what is measured here.
  const [command, ...args] = process.platform === 'win32' ? node : ['env', '-u', 'NODE_OPTIONS', ...node]
  const { stdout } = await run(command!, args)
  return JSON.parse(stdout) as { milliseconds: number, packages: string[], own: string[] }
}

t.test('startup: code that only some apps need is not loaded', async t => {
  const [bare, ours] = [await start('without'), await start('with')]
  // pino has the same @pinojs/redact, or its own.
  const added = ours.packages.filter(name => !bare.packages.includes(name) && name !== '@pinojs/redact')
  t.same(added, [
    '@azure/core-tracing',
    '@opentelemetry/api', '@opentelemetry/api-logs', '@opentelemetry/context-async-hooks', '@opentelemetry/core', '@opentelemetry/resources', '@opentelemetry/sdk-logs',
    '@opentelemetry/sdk-trace', '@opentelemetry/sdk-trace-base', '@opentelemetry/semantic-conventions', 'fastify-plugin'
  ])
  t.same(ours.own, ['index.js', 'plugin.js'], "the plugin's own code is one file and the entry")
})

// Noise only makes a start slower, never faster, so compare the fastest of each.
t.test('startup: CPU time is below 2.5 times that of Fastify alone', { skip: process.platform === 'win32' && 'there is no env to start Node.js without the compiler' }, async t => {
  const [bare, ours]: [number[], number[]] = [[], []]
  for (let pair = 0; pair < PAIRS; pair++) {
    bare.push((await start('without')).milliseconds)
    ours.push((await start('with')).milliseconds)
  }
  const ratio = Math.min(...ours) / Math.min(...bare)
  t.ok(ratio < 2.5, `${ratio.toFixed(2)} times, ${Math.min(...bare).toFixed(0)} ms without`)
  t.comment(`start-up: ${ratio.toFixed(2)} times that of Fastify without it`)
})
