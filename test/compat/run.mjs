/**
 * New projects with the packed tarball and other OpenTelemetry beside it: what arrives, and which warnings.
 * node test/compat/run.mjs [--small] [--with=npm|pnpm] [--only=TEXT] [--write]
 * Needs the registry. --small takes a minute, for npm test; --write brings the table in docs/compatibility.md up to date.
 */
import { execFile, execFileSync } from 'node:child_process'
import { copyFileSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { startEmulator } from '../../dist/emulator/index.js'
import { COMBINATIONS } from './combinations.mjs'
import { startCallee, startPostgres, startRedis } from './servers.mjs'

const run = promisify(execFile)
const root = fileURLToPath(new URL('../..', import.meta.url))
const here = fileURLToPath(new URL('.', import.meta.url))
const option = name => process.argv.find(argument => argument === `--${name}` || argument.startsWith(`--${name}=`))
const valueOf = name => option(name)?.split('=').slice(1).join('=')
const manager = valueOf('with') ?? 'npm'
const [major, minor] = process.versions.node.split('.').map(Number)
const node = major + minor / 100

const MANAGERS = {
  npm: { command: 'npm install --no-audit --no-fund --loglevel=error --prefer-offline' },
  pnpm: { command: 'npx --yes pnpm@10 install --silent --prefer-offline --no-strict-peer-dependencies' }
}

async function install (folder, name, packages, tarball) {
  const project = join(folder, name)
  mkdirSync(project)
  const dependencies = { fastify: '^5.12.8', '@opentelemetry/api': '^1.9.1', 'fastify-app-insights': `file:${tarball}`, ...packages }
  writeFileSync(join(project, 'package.json'), JSON.stringify({ name, private: true, dependencies }))
  for (const file of ['app.cjs', 'app.mjs']) copyFileSync(join(here, file), join(project, file))
  execFileSync(MANAGERS[manager].command, { cwd: project, shell: true, stdio: ['ignore', 'ignore', 'inherit'] })
  return project
}

/** One run of the app, and what has become of it. */
async function observe (project, file, { setup = 'none', env = {} }, order, servers) {
  const emulator = await startEmulator()
  try {
    const { stdout } = await run(process.execPath, [file], {
      cwd: project,
      timeout: 120_000,
      env: { PATH: process.env.PATH, HOME: process.env.HOME, SETUP: setup, ORDER: order, CONNECTION_STRING: emulator.connectionString, ...servers, ...env }
    })
    return { ...JSON.parse(stdout.slice(stdout.lastIndexOf('\n{') + 1)), rows: emulator.items() }
  } catch (error) {
    return { error: `${error.message.split('\n')[0]} ${error.stderr?.slice(0, 1_000) ?? ''}`, warnings: [], rows: [] }
  } finally {
    await emulator.close()
  }
}

const PROVIDERS = ['sdk', 'sdk3', 'sentry', 'distro']

/** The cells of a row in the table: true, or what is wrong. */
function judge ({ error, rows, traceparent, active, warnings }, setup, order, servers) {
  if (error !== undefined) return { starts: error }
  const requests = rows.filter(({ type, url }) => type === 'request' && url?.endsWith('/work'))
  const [request] = requests
  const ofRequest = row => row.operation_Id === request?.operation_Id && row.operation_Id !== undefined
  const dependencies = rows.filter(row => row.type === 'dependency' && ofRequest(row))
  const calls = dependencies.filter(({ target, data }) => `${target}${data}`.includes(servers.CALLEE))
  const one = (list, what) => list.length === 1 ? true : `${list.length} rows ${what}`
  return {
    request: one(requests, 'for the request'),
    named: request?.name === 'GET /work' ? true : `named ${request?.name}`,
    log: rows.some(row => row.type === 'trace' && row.message === 'worked' && ofRequest(row)) || 'not in the operation',
    exception: one(rows.filter(({ type, exceptionType }) => type === 'exception' && exceptionType === 'RangeError'), 'for the error'),
    call: one(calls, 'for the call'),
    traceparent: (calls.length > 0 && traceparent?.includes(`${request?.operation_Id}-${calls[0].id}`)) || `the callee got ${traceparent === undefined ? 'none' : 'another'}`,
    // What has registered a tracer provider first keeps the app's own spans.
    span: active === true && (dependencies.some(({ name }) => name === 'own work') || (order === 'before' && PROVIDERS.includes(setup))) ? true : 'no row',
    ...setup === 'instrumentations'
      ? {
          pg: dependencies.some(({ name }) => name?.startsWith('pg.query')) || 'no row',
          ioredis: dependencies.some(({ name, dependencyType }) => name === 'set' && dependencyType === 'redis') || 'no row'
        }
      : {},
    warnings
  }
}

function describe (cells) {
  const { warnings = [], ...rest } = cells
  const wrong = Object.entries(rest).filter(([, value]) => value !== true).map(([name, value]) => `${name}: ${value}`)
  return { works: wrong.length === 0, text: [wrong.length === 0 ? 'everything arrives' : wrong.join('; '), ...new Set(warnings.map(text => `warning: ${text.split(/[:.] /)[0]}`))].join('<br>') }
}

const folder = mkdtempSync(join(tmpdir(), 'compat-'))
const results = []
try {
  const [{ filename }] = JSON.parse(execFileSync('npm pack --json --ignore-scripts', { cwd: root, shell: true, encoding: 'utf8', env: { ...process.env, npm_config_pack_destination: folder } }))
  const [CALLEE, POSTGRES, REDIS] = await Promise.all([startCallee(), startPostgres(), startRedis()])
  const servers = { CALLEE, POSTGRES, REDIS }
  const chosen = COMBINATIONS.filter(({ small, name }) => (!option('small') || small === true) && name.includes(valueOf('only') ?? ''))
  let count = 0
  for (const combination of chosen) {
    const { name, packages, orders = ['before'], node: needed = 20 } = combination
    if (node < needed) {
      results.push({ name, order: '', file: '', works: true, text: `not tried: needs Node.js ${needed}` })
      continue
    }
    let project
    try {
      project = await install(folder, `project-${count++}`, packages, join(folder, filename))
    } catch (error) {
      results.push({ name, order: '', file: '', works: false, text: `cannot be installed: ${error.message.split('\n')[0]}` })
      continue
    }
    for (const order of orders) {
      for (const file of option('small') ? ['app.mjs'] : ['app.cjs', 'app.mjs']) {
        const cells = judge(await observe(project, file, combination, order, servers), combination.setup, order, servers)
        const result = { name, order, file, ...describe(cells) }
        // What does not work and stands in the docs.
        if (combination.known?.test(result.text) === true) result.works = true
        results.push(result)
        console.log(`${result.works ? 'ok' : 'NOT OK'} ${name}, ${order}, ${file}: ${result.text}`)
      }
    }
    rmSync(project, { recursive: true, force: true, maxRetries: 3 })
  }
} finally {
  rmSync(folder, { recursive: true, force: true, maxRetries: 3 })
}

/** Rows of combinations that were not tried this time stay in the table. */
function writeTable () {
  const document = join(root, 'docs', 'compatibility.md')
  const text = readFileSync(document, 'utf8')
  const mark = /<!-- compatibility -->\n([^]*?)<!-- \/compatibility -->/
  const before = mark.exec(text)[1].split('\n').filter(line => line.startsWith('| '))
  const format = { 'app.cjs': 'CommonJS', 'app.mjs': 'ES modules', '': '' }
  const when = { before: 'first', after: 'last', '': '' }
  const rows = COMBINATIONS.flatMap(({ name }) => {
    const now = results.filter(result => result.name === name)
    return now.length === 0
      ? before.filter(line => line.startsWith(`| ${name} |`))
      : now.map(({ order, file, text }) => `| ${name} | ${when[order]} | ${format[file]} | ${text} |`)
  })
  const table = ['| beside the plugin | it is set up | app | result |', '|---|---|---|---|', ...rows].join('\n')
  writeFileSync(document, text.replace(mark, () => `<!-- compatibility -->\n${table}\n\nNode.js ${major}, ${manager}.\n<!-- /compatibility -->`))
}

if (option('write')) writeTable()
console.log(`${results.filter(({ works }) => works).length} of ${results.length} as they should be`)
process.exitCode = results.every(({ works }) => works) ? 0 : 1
