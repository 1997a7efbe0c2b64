/**
 * Fastify's own published tests, with the plugin registered on every instance: what passes without it passes with it.
 *   node test/fastify/run.mjs [--all] [file…]     needs dist; installs what the tests need on its first run
 * Without --all it runs a quarter of a minute's worth: hooks, errors, loggers, streams, aborts, timeouts, closing, contexts,
 * HTTP/2. The public repository's workflow runs the rest.
 */
import { execFileSync } from 'node:child_process'
import { existsSync, readFileSync, readdirSync } from 'node:fs'
import { availableParallelism } from 'node:os'
import { join, relative, sep } from 'node:path'
import { run } from 'node:test'
import { fileURLToPath } from 'node:url'
import { startEmulator } from '../../dist/emulator/index.js'
import { excluded } from './excluded.mjs'

const PART = /^(404s|500s|als|child-logger|client-timeout|close\.|encapsulated-error|handler-timeout|hooks\.test|http2\/plain|inject\.|internals\/hooks|logger\/(instantiation|logging|request)|reply-error|request-(error|timeout)|route-hooks|set-error|stream\.[124]|upgrade)/
// Starts a linter for each case, and no server.
const NO_SERVER = /^(build|bundler)\//

const here = fileURLToPath(new URL('.', import.meta.url))
const fastify = join(here, 'node_modules', 'fastify')
const wanted = JSON.parse(readFileSync(join(here, 'package.json'), 'utf8')).dependencies.fastify
if (!existsSync(fastify) || JSON.parse(readFileSync(join(fastify, 'package.json'), 'utf8')).version !== wanted) {
  execFileSync('npm', ['ci', '--no-audit', '--no-fund', '--loglevel=error'], { cwd: here, stdio: 'inherit', shell: process.platform === 'win32' })
}

const tests = join(fastify, 'test')
const all = readdirSync(tests, { recursive: true }).map(file => file.replaceAll(sep, '/')).filter(file => /\.test\.m?js$/.test(file) && !NO_SERVER.test(file)).sort()
const named = process.argv.slice(2).filter(argument => !argument.startsWith('-'))
const whole = process.argv.includes('--all')
const files = named.length > 0 ? named : whole ? all : all.filter(file => PART.test(file))

const emulator = await startEmulator()
process.env.FASTIFY_TESTS_SINK = emulator.connectionString
// Fastify's tests read files of theirs.
process.chdir(fastify)

const isExcluded = ({ file, test }) => excluded.some(each => each.file === file && each.test === test)
const told = ({ file, test }) => `${file} › ${test}`

/** Runs files in processes of their own; `how` is what is registered on every instance of theirs. */
async function go (files, how) {
  process.env.NODE_OPTIONS = how === 'nothing' ? '' : `--require=${JSON.stringify(join(here, 'preload.cjs'))}`
  process.env.FASTIFY_TESTS_WITH = how
  const failed = new Map()
  let passed = 0
  const stream = run({ files: files.map(file => join(tests, file)), concurrency: 2 * availableParallelism(), timeout: 240_000 })
  stream.on('test:pass', () => { passed++ })
  stream.on('test:fail', ({ name, file, details, todo }) => {
    if (todo !== undefined || details.error?.failureType === 'subtestsFailed') return
    const isFile = name.startsWith(tests) || name === file
    const each = { file: relative(tests, file ?? name).replaceAll(sep, '/'), test: isFile ? '(the file)' : name, error: details.error?.cause ?? details.error, isFile }
    failed.set(told(each), each)
  })
  stream.resume()
  await new Promise(resolve => { stream.on('end', resolve) })
  const found = [...failed.values()]
  // A file fails with its tests, and is a failure of its own only where none of them is.
  return { passed, failed: found.filter(each => !each.isFile || !found.some(other => other.file === each.file && !other.isFile)) }
}

function filesOf (failed) {
  return [...new Set(failed.map(({ file }) => file))]
}

const started = Date.now()
const first = await go(files, 'plugin')
let unexpected = first.failed.filter(each => !isExcluded(each))
const problems = []
if (unexpected.length > 0) {
  // A machine without IPv6, or a busy one, fails tests whatever is registered.
  const without = await go(filesOf(unexpected), 'nothing')
  const alsoWithout = unexpected.filter(each => without.failed.some(other => told(other) === told(each)))
  for (const each of alsoWithout) console.log(`fails without the plugin too: ${told(each)}`)
  unexpected = unexpected.filter(each => !alsoWithout.includes(each))
}
if (unexpected.length > 0) {
  const again = await go(filesOf(unexpected), 'plugin')
  for (const each of unexpected) {
    if (again.failed.some(other => told(other) === told(each))) problems.push(`${told(each)}: ${each.error?.stack ?? each.error}`)
    else console.log(`passes the second time: ${told(each)}`)
  }
}
const concerned = excluded.filter(({ file }) => files.includes(file))
for (const each of concerned) {
  if (!first.failed.some(other => told(other) === told(each))) problems.push(`${told(each)}: is excluded, and passes`)
}
if (whole && concerned.length > 0) {
  const bystander = await go(filesOf(concerned), 'bystander')
  for (const each of concerned) {
    if (!bystander.failed.some(other => told(other) === told(each))) problems.push(`${told(each)}: is excluded, and passes with a plugin that does nothing`)
  }
}

const rows = emulator.items({ type: 'request' }).length
if (rows === 0) problems.push('no request was reported: was the plugin registered?')
await emulator.close()
for (const problem of problems) console.error(problem)
console.log(`Fastify ${wanted}: ${files.length} files, ${first.passed} tests pass with the plugin as without it, ${concerned.length} excluded, ${problems.length} problems, ${rows} request rows at the emulator, ${Math.round((Date.now() - started) / 1000)} s`)
process.exitCode = problems.length > 0 ? 1 : 0
