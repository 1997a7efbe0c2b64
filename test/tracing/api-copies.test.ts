import { execFile } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { promisify } from 'node:util'
import t from 'tap'

const run = promisify(execFile)

interface Outcome {
  traceparent: string
  warnings: Array<{ code?: string, message: string }>
  rows: Array<{ id?: string, name: string, operation: string, parent?: string, operationName: string }>
}

async function outcome (...args: string[]): Promise<Outcome> {
  // Without the compiler that tap adds to every child process.
  const { NODE_OPTIONS: _, ...env } = process.env
  const { stdout } = await run(process.execPath, [join(__dirname, '../fixtures/api-copies.cjs'), ...args], { env, timeout: 60_000 })
  return JSON.parse(stdout) as Outcome
}

const { version } = JSON.parse(readFileSync(join(require.resolve('@opentelemetry/api'), '../../../package.json'), 'utf8')) as { version: string }
const CASES: Array<[args: string[], warns: boolean]> = [
  [['1.10.0', ''], true], [['1.10.0', 'logger'], true], [['1.9.0', 'logger'], true], [['1.4.0', 'logger'], true], [[version, ''], false]
]

for (const [args, warns] of CASES) {
  t.test(`another copy of the API (${args.join(' ')}): our rows know their operation, ${warns ? 'and one warning says what to do' : 'and there is nothing to warn of'}`, async t => {
    const { traceparent, warnings, rows } = await outcome(...args)
    const request = rows.find(({ name }) => name === 'GET /')!
    t.same(rows.map(({ name }) => name).sort(), ['GET /', 'GET /callee', 'GET /callee', 'by app.log', 'step', 'within a step'])
    t.ok(rows.every(({ operation }) => operation === request.operation), 'one operation')
    const step = rows.find(({ name }) => name === 'step')!
    t.match(rows.find(({ name }) => name === 'within a step'), { parent: step.id, operationName: 'GET /' })
    t.match(rows.find(({ name }) => name === 'by app.log'), { parent: request.id, operationName: 'GET /' })
    t.equal(traceparent.slice(3, 35), request.operation)
    const told = warnings.filter(({ code }) => code === 'FAI_WARN_API_COPIES')
    t.equal(told.length, warns ? 1 : 0)
    if (warns) {
      for (const part of [args[0]!, version, 'node_modules', 'npm ls @opentelemetry/api']) t.match(told[0]!.message, part)
    }
  })
}
