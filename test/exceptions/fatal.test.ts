/** Anything that ends a process, or nearly does, is a critical exception; and the process behaves as it would without us. */
import { execFile } from 'node:child_process'
import { join } from 'node:path'
import t from 'tap'
import { startEmulator } from 'fastify-app-insights/emulator'

const fixture = join(__dirname, '../fixtures/fatal.mjs')

interface Ended { code: number | string | null | undefined, stdout: string, stderr: string }

async function end (connectionString: string, args: string[], flags: string[] = []): Promise<Ended> {
  const env: NodeJS.ProcessEnv = { ...process.env, APPLICATIONINSIGHTS_CONNECTION_STRING: connectionString, NODE_OPTIONS: '' }
  return await new Promise(resolve => {
    execFile(process.execPath, [...flags, fixture, ...args], { env }, (error, stdout, stderr) => {
      resolve({ code: error === null ? 0 : error.code, stdout, stderr })
    })
  })
}

const cases: Array<[how: string, listener: string, code: number, row: object | undefined, flags?: string[]]> = [
  ['throw', 'none', 1, { exceptionType: 'FatalError', customDimensions: { code: 'E_FATAL' } }],
  ['throw', 'before', 0, { exceptionType: 'FatalError' }],
  ['reject', 'none', 1, { exceptionType: 'FatalError' }],
  ['reject', 'once', 0, { exceptionType: 'FatalError' }],
  ['reject', 'none', 0, undefined, ['--unhandled-rejections=warn']],
  ['reject with a text', 'before', 0, { exceptionType: 'string' }]
]

t.test('a fatal error', { jobs: 2 }, async t => {
  for (const [how, listener, code, row, flags] of cases) {
    t.test(`${how}, listener: ${listener} ${flags?.join(' ') ?? ''}`, async t => {
      const emulator = await startEmulator()
      t.teardown(async () => await emulator.close())
      const [bare, observed] = await Promise.all([end(emulator.connectionString, [how, listener, 'bare'], flags), end(emulator.connectionString, [how, listener], flags)])
      t.strictSame(stable(observed), stable(bare), 'the process ends as it would without us')
      t.equal(observed.code, code)
      const exceptions = emulator.items({ type: 'exception' })
      t.equal(exceptions.length, row === undefined ? 0 : 1)
      if (row !== undefined) {
        t.match(exceptions[0], { severityLevel: 4, operation_Id: undefined, ...row })
        if (how !== 'reject with a text') t.notMatch(JSON.stringify(exceptions[0]), 'pl4nted', 'and the logger\'s redaction holds')
      }
    })
  }
})

function stable ({ code, stdout, stderr }: Ended): Ended {
  return { code, stdout, stderr: stderr.replace(/\(node:\d+\)/g, '(node)') }
}
