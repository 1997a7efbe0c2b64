/** The packed tarball, unpacked into an empty folder, as a user's project has it. */
import { execFileSync } from 'node:child_process'
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'

const root = join(__dirname, '..')

/** A project of its own below the test's folder, so that our dependencies are found where npm would have put them. */
function project (folder: string): string {
  const packed = JSON.parse(execFileSync('npm', ['pack', '--json', '--ignore-scripts', '--pack-destination', folder], { cwd: root, encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'], shell: process.platform === 'win32' })) as Array<{ filename: string }>
  const target = join(folder, 'node_modules', 'fastify-app-insights')
  mkdirSync(target, { recursive: true })
  execFileSync('tar', ['-xzf', join(folder, packed[0]!.filename), '--strip-components=1', '-C', target])
  return folder
}

const CHECK = `
const assert = (value, what) => { if (!value) { console.error('not ' + what); process.exit(1) } }
`
const USES: Record<string, string> = {
  'default.mjs': "import plugin from 'fastify-app-insights'\nassert(typeof plugin === 'function', 'a plugin')",
  'named.mjs': "import { appInsightsPlugin } from 'fastify-app-insights'\nimport plugin from 'fastify-app-insights'\nassert(appInsightsPlugin === plugin, 'the same')",
  'require.cjs': "const plugin = require('fastify-app-insights')\nassert(plugin.default === plugin && plugin.appInsightsPlugin === plugin, 'the same')",
  'emulator.mjs': "import { startEmulator } from 'fastify-app-insights/emulator'\nconst e = await startEmulator(); assert(e.connectionString.startsWith('InstrumentationKey='), 'an emulator'); await e.close()",
  'emulator.cjs': "const { startEmulator } = require('fastify-app-insights/emulator')\nassert(typeof startEmulator === 'function', 'an emulator')",
  'whole.mjs': `
import fastify from 'fastify'
import plugin from 'fastify-app-insights'
import { startEmulator } from 'fastify-app-insights/emulator'
const emulator = await startEmulator()
const app = fastify({ logger: { stream: { write () {} } } })
app.register(plugin, emulator.connectionString)
app.get('/', async request => { request.log.info('hello'); return 'ok' })
await app.inject('/')
await app.close()
assert(emulator.items({ type: 'request' }).length === 1 && emulator.items({ message: 'hello' }).length === 1, 'two rows')
await emulator.close()`
}

t.test('the packed tarball can be imported, required and used', async t => {
  const folder = project(t.testdir({ 'package.json': '{"name":"somebodys-app","version":"1.0.0"}' }))
  for (const [name, code] of Object.entries(USES)) {
    const [imports, rest] = [code.split('\n').filter(line => line.startsWith('import ')), code.split('\n').filter(line => !line.startsWith('import '))]
    writeFileSync(join(folder, name), [...imports, CHECK, ...rest].join('\n'))
    try {
      execFileSync(process.execPath, [name], { cwd: folder, encoding: 'utf8', stdio: 'pipe', timeout: 30_000 })
      t.pass(name)
    } catch (error) {
      t.fail(name, { error: String((error as { stderr?: string }).stderr ?? error) })
    }
  }
})

t.test('it holds what is needed and nothing else', async t => {
  const [pack] = JSON.parse(execFileSync('npm', ['pack', '--dry-run', '--json', '--ignore-scripts'], { cwd: root, encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'], shell: process.platform === 'win32' })) as Array<{ files: Array<{ path: string }> }>
  const paths = pack!.files.map(file => file.path)
  for (const path of ['dist/index.js', 'dist/index.d.ts', 'dist/delivery/worker.js', 'dist/emulator/index.js', 'dist/command/index.js', 'README.md', 'LICENSE', 'CHANGELOG.md', 'package.json']) {
    t.ok(paths.includes(path), path)
  }
  t.same(paths.filter(path => !/^(dist\/|README\.md$|LICENSE$|CHANGELOG\.md$|package\.json$)/.test(path)), [])
})
