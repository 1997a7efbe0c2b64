/** The packed tarball, unpacked into an empty folder, as in a user's project. */
import { execFileSync } from 'node:child_process'
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { buildSync } from 'esbuild'
import t from 'tap'

const root = join(__dirname, '..')

interface Packed { filename: string, size: number, unpackedSize: number, files: Array<{ path: string }> }

/** @returns npm's description of the tarball that it created in `folder` */
function pack (folder: string): Packed {
  // A path may contain spaces, and npm is a batch file on Windows, so pass no path as an argument.
  const output = execFileSync('npm', ['pack', '--json', '--ignore-scripts'], { cwd: root, encoding: 'utf8', env: { ...process.env, npm_config_pack_destination: folder }, stdio: ['ignore', 'pipe', 'ignore'], shell: process.platform === 'win32' })
  return (JSON.parse(output) as Packed[])[0]!
}

/** A separate project below the test's folder, so that our dependencies are found where npm would have put them. */
function project (folder: string): string {
  const { filename } = pack(folder)
  mkdirSync(join(folder, 'node_modules', 'fastify-app-insights'), { recursive: true })
  // GNU tar mistakes the drive of a Windows path for a host.
  execFileSync('tar', ['-xzf', filename, '--strip-components=1', '-C', 'node_modules/fastify-app-insights'], { cwd: folder })
  return folder
}

/** @returns the files of `dist` that the package's entries and their worker threads load */
function loadable (): string[] {
  const { exports, bin } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as { exports: Record<string, string | { default: string }>, bin: Record<string, string> }
  const entries = Object.values(exports).flatMap(entry => typeof entry === 'string' ? [] : [entry.default])
  const { metafile } = buildSync({
    absWorkingDir: root,
    entryPoints: [...entries, ...Object.values(bin), 'dist/emulator/kql/worker.js'],
    outdir: 'nowhere',
    bundle: true,
    write: false,
    metafile: true,
    sourcemap: false,
    packages: 'external',
    external: ['*/package.json'],
    platform: 'node'
  })
  return Object.keys(metafile.inputs).sort()
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

t.test('it contains what is needed and nothing else', async t => {
  const { files, size, unpackedSize } = pack(t.testdir({}))
  const paths = files.map(file => file.path)
  for (const path of ['dist/index.d.ts', 'dist/emulator/page/index.html', 'README.md', 'LICENSE', 'CHANGELOG.md', 'package.json']) t.ok(paths.includes(path), path)
  t.same(paths.filter(path => !/^(dist\/|README\.md$|LICENSE$|CHANGELOG\.md$|package\.json$)/.test(path)), [])
  // A file that only has types compiles to nothing.
  const code = paths.filter(path => path.endsWith('.js') && !path.startsWith('dist/emulator/page/') && /exports(?:\.\w+)? =|require\(/.test(readFileSync(join(root, path), 'utf8')))
  t.same(code.sort(), loadable(), 'the files that an entry loads, and no others')
  t.comment(`${paths.length} files, ${Math.round(size / 1024)} kB packed, ${Math.round(unpackedSize / 1024)} kB unpacked`)
  t.ok(size < 512 * 1024, 'below half a megabyte')
})

t.test("the page's bundle has other people's code, and with it their licenses", async t => {
  t.match(readFileSync(join(root, 'dist/emulator/page/LICENSES.txt'), 'utf8'), /^preact\n\n.*MIT License.*Permission is hereby granted/s)
  t.ok(pack(t.testdir({})).files.some(({ path }) => path === 'dist/emulator/page/LICENSES.txt'))
})

t.test('the bundles are plain ASCII: V8 keeps any other text with two bytes for each character', async t => {
  for (const file of ['plugin.js', 'app-insights-worker.js']) {
    const code = readFileSync(join(root, 'dist', file), 'latin1')
    t.equal(/[^\0-\x7f]/.exec(code)?.index, undefined, file)
  }
})

t.test('publint and attw find no problems: every way to resolve it finds its types and its code', async t => {
  const folder = t.testdir({})
  const { filename } = pack(folder)
  const check = async (bin: string, ...args: string[]): Promise<void> => {
    try {
      execFileSync(process.execPath, [join(root, 'node_modules', bin), ...args], { cwd: folder, encoding: 'utf8', stdio: 'pipe', timeout: 60_000 })
      t.pass(bin)
    } catch (error) {
      t.fail(bin, { output: String((error as { stdout?: string }).stdout ?? error) })
    }
  }
  await check('@arethetypeswrong/cli/dist/index.js', filename, '--no-emoji', '--no-color')
  await check('publint/src/cli.js', 'run', filename, '--strict')
})

t.test('everything it installs has a permissive license', async t => {
  const { packages } = JSON.parse(readFileSync(join(root, 'package-lock.json'), 'utf8')) as { packages: Record<string, { dev?: boolean, license?: string }> }
  const PERMISSIVE = ['MIT', 'ISC', 'Apache-2.0', 'BSD-2-Clause', 'BSD-3-Clause', '0BSD', 'BlueOak-1.0.0']
  const installed = Object.entries(packages).filter(([path, { dev }]) => path !== '' && dev !== true)
  t.ok(installed.length > 10)
  t.same(installed.filter(([, { license = '' }]) => !PERMISSIVE.includes(license)).map(([path, { license }]) => `${path}: ${license}`), [])
})

t.test('the exporter is pinned: a range would pick an ancient preview', async t => {
  const { dependencies } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as { dependencies: Record<string, string> }
  t.match(dependencies['@azure/monitor-opentelemetry-exporter'], /^\d+\.\d+\.\d+-beta\.\d+$/)
})
