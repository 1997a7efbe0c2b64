/**
 * New projects, made with fastify-cli, with the packed tarball and the README's line: node test/fresh.mjs
 * Needs the registry, so it is a job of CI and no part of npm test. Package managers: --with=npm,pnpm,yarn
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
const managers = (process.argv.find(argument => argument.startsWith('--with='))?.slice(7) ?? 'npm').split(',')

function sh (command, cwd, env = {}) {
  console.log(`$ ${command}`)
  return execFileSync(command, { cwd, shell: true, encoding: 'utf8', env: { ...process.env, npm_config_audit: 'false', npm_config_fund: 'false', npm_config_loglevel: 'error', ...env }, stdio: ['ignore', 'pipe', 'inherit'] })
}

/** The two lines that the README tells, where fastify-cli has the app. */
function followReadme (file) {
  const source = readFileSync(file, 'utf8')
  const readme = readFileSync(join(root, 'README.md'), 'utf8')
  for (const line of ["import appInsightsPlugin from 'fastify-app-insights'", 'register(appInsightsPlugin, process.env.APPLICATIONINSIGHTS_CONNECTION_STRING)']) assert.ok(readme.includes(line), `the README says: ${line}`)
  const place = '// Place here your custom code!'
  assert.ok(source.includes(place), 'fastify-cli makes apps as it did')
  writeFileSync(file, "import appInsightsPlugin from 'fastify-app-insights'\n" + source.replace(place, 'fastify.register(appInsightsPlugin, process.env.APPLICATIONINSIGHTS_CONNECTION_STRING)'))
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

const INSTALL = {
  npm: ['npm install', 'npm install'],
  // Strict: nothing is found that is not declared.
  pnpm: ['npx --yes pnpm@10 install', 'npx --yes pnpm@10 add'],
  yarn: ['npx --yes yarn@1 install --silent', 'npx --yes yarn@1 add --silent']
}

try {
  const [{ filename }] = JSON.parse(sh('npm pack --json --ignore-scripts', root, { npm_config_pack_destination: folder }))
  for (const manager of managers) {
    for (const [kind, generate, file, app] of [['typescript', '--lang=ts', 'src/app.ts', 'dist/app.js'], ['esm', '--esm', 'app.js', 'app.js']]) {
      const name = `${kind}-${manager}`
      sh(`npx --yes fastify-cli@8 generate ${name} ${generate}`, folder)
      const project = join(folder, name)
      const [install, add] = INSTALL[manager]
      sh(install, project)
      sh(`${add} ../${filename}`, project)
      followReadme(join(project, file))
      // TypeScript 6 wants what fastify-cli's template does not say.
      if (kind === 'typescript') sh('npx tsc --rootDir src', project)
      await works(project, app)
      console.log(`${name}: works`)
    }
  }
} finally {
  rmSync(folder, { recursive: true, force: true, maxRetries: 3 })
}
