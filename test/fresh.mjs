/**
 * New projects, made with fastify-cli, with the packed tarball and the README's line: node test/fresh.mjs
 * Needs the registry, so it is a job of CI and no part of npm test. All package managers, or --with=npm,pnpm
 */
import assert from 'node:assert/strict'
import { execFileSync, spawn } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { startEmulator } from '../dist/emulator/index.js'

const root = fileURLToPath(new URL('..', import.meta.url))
const folder = mkdtempSync(join(tmpdir(), 'fresh-'))
const asked = process.argv.find(argument => argument.startsWith('--with='))?.slice(7).split(',')

function sh (command, cwd, env = {}) {
  console.log(`$ ${command}`)
  return execFileSync(command, { cwd, shell: true, encoding: 'utf8', env: { ...process.env, npm_config_audit: 'false', npm_config_fund: 'false', npm_config_loglevel: 'error', ...env }, stdio: ['ignore', 'pipe', 'inherit'] })
}

/** The two lines of the README's first program, where fastify-cli has the app. */
function followReadme (file) {
  const source = readFileSync(file, 'utf8')
  const program = /## Install\n[^]*?```js\n([^]*?)```/.exec(readFileSync(join(root, 'README.md'), 'utf8'))[1].split('\n')
  const [line, call] = ['import appInsightsPlugin ', 'app.register(appInsightsPlugin'].map(begin => program.find(line => line.startsWith(begin)))
  assert.ok(line !== undefined && call !== undefined, 'the README has both')
  const place = '// Place here your custom code!'
  assert.ok(source.includes(place), 'fastify-cli makes apps as it did')
  writeFileSync(file, `${line}\n${source.replace(place, call.replace('app.', 'fastify.'))}`)
}

async function freePort () {
  const server = createServer().listen(0, '127.0.0.1')
  await new Promise(resolve => { server.once('listening', resolve) })
  const { port } = server.address()
  await new Promise(resolve => { server.close(resolve) })
  return port
}

/** Starts the project as its own npm start does, asks it once, and looks for the rows. */
async function works (project, app) {
  const emulator = await startEmulator()
  const port = await freePort()
  const child = spawn(process.execPath, [join('node_modules', 'fastify-cli', 'cli.js'), 'start', '-l', 'info', '-a', '127.0.0.1', '-p', String(port), app], { cwd: project, stdio: ['ignore', 'pipe', 'inherit'], env: { ...process.env, APPLICATIONINSIGHTS_CONNECTION_STRING: emulator.connectionString } })
  const exit = new Promise(resolve => { child.once('exit', resolve) })
  let output = ''
  child.stdout.on('data', chunk => { output += chunk })
  try {
    await Promise.race([
      exit.then(() => { throw new Error(`it ended:\n${output}`) }),
      (async () => { while (!output.includes('Server listening')) await new Promise(resolve => { child.stdout.once('data', resolve) }) })()
    ])
    assert.equal((await fetch(`http://127.0.0.1:${port}/example`)).status, 200)
    assert.equal((await fetch(`http://127.0.0.1:${port}/nothing`)).status, 404)
    await emulator.waitFor({ type: 'request', name: /^GET \/example/, resultCode: '200' }, { timeout: 20_000 })
    await emulator.waitFor({ type: 'request', name: 'GET (unmatched)', resultCode: '404' }, { timeout: 20_000 })
    await emulator.waitFor({ type: 'trace', message: /not found/ }, { timeout: 20_000 })
  } finally {
    child.kill('SIGKILL')
    await exit
    await emulator.close()
  }
}

// Yarn 1 takes a package's wish for Node 22 for a command, as the README says; Fastify's own template has such packages.
const engines = Number(process.versions.node.split('.')[0]) < 22 ? ' --ignore-engines' : ''
const MANAGERS = {
  npm: { command: 'npm', install: 'install', add: 'install' },
  // Strict: nothing is found that is not declared.
  pnpm: { command: 'npx --yes pnpm@10', install: 'install', add: 'add' },
  yarn: { command: 'npx --yes yarn@1', install: `install --silent${engines}`, add: `add --silent${engines}` },
  // Without Plug'n'Play, as docs/bundling.md says. The lock file makes the folder a project of its own.
  yarn4: { command: 'npx --yes @yarnpkg/cli-dist@4', install: 'install --no-immutable', add: 'add', files: { 'yarn.lock': '', '.yarnrc.yml': 'nodeLinker: node-modules\nenableTelemetry: false\n' } }
}

/** Makes the project, follows the README, and looks at what it reports. */
async function begin (manager, kind, tarball) {
  const { command, install, add, files = {} } = MANAGERS[manager]
  const name = `${kind}-${manager}`
  sh(`npx --yes fastify-cli@8 generate ${name} ${kind === 'typescript' ? '--lang=ts' : '--esm'}`, folder)
  const project = join(folder, name)
  for (const [file, text] of Object.entries(files)) writeFileSync(join(project, file), text)
  // It does not read npm's configuration.
  const env = { YARN_NPM_REGISTRY_SERVER: sh('npm config get registry', folder).trim().replace(/\/$/, '') }
  sh(`${command} ${install}`, project, env)
  sh(`${command} ${add} ../${tarball}`, project, env)
  followReadme(join(project, kind === 'typescript' ? 'src/app.ts' : 'app.js'))
  // TypeScript 6 wants what fastify-cli's template does not say.
  if (kind === 'typescript') sh('npx tsc --rootDir src', project)
  await works(project, kind === 'typescript' ? 'dist/app.js' : 'app.js')
}

const results = []
try {
  const [{ filename }] = JSON.parse(sh('npm pack --json --ignore-scripts', root, { npm_config_pack_destination: folder }))
  for (const manager of asked ?? Object.keys(MANAGERS)) {
    assert.ok(manager in MANAGERS, `--with takes ${Object.keys(MANAGERS).join(', ')}`)
    try {
      sh(`${MANAGERS[manager].command} --version`, folder)
    } catch {
      results.push(`${manager}: NOT TESTED, it cannot be had on this machine`)
      continue
    }
    for (const kind of ['typescript', 'esm']) {
      try {
        await begin(manager, kind, filename)
        results.push(`${manager}, ${kind}: works`)
      } catch (error) {
        // What the compiler says is on its standard output.
        results.push(`${manager}, ${kind}: FAILED, ${error.message}\n${error.stdout ?? ''}`)
      }
    }
  }
} finally {
  rmSync(folder, { recursive: true, force: true, maxRetries: 3 })
}
console.log(`\n${results.join('\n')}`)
process.exitCode = results.every(result => result.endsWith(': works')) ? 0 : 1
