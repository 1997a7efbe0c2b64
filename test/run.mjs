/**
 * npm test: every check. Steps that don't depend on each other run side by side; what failed is listed at the end.
 * A test file that fails is run once more, alone: on a busy machine a process may miss a deadline. If it passes then,
 * it is named but doesn't count as failed.
 */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { readFileSync, readdirSync } from 'node:fs'
import { createInterface } from 'node:readline'

// In seconds, and how many files run side by side.
const { timeout, jobs, 'node-arg': nodeArgs } = JSON.parse(readFileSync('package.json', 'utf8')).tap
const seconds = start => `${((Date.now() - start) / 1_000).toFixed(0)} s`
const failures = []
/** Files that failed beside others and passed alone. */
const flaky = []

/**
 * What the plugin and its libraries read from the environment (CI, NODE_ENV, proxies, OTEL_*, APPLICATIONINSIGHTS_*) must
 * come from the test, not from the machine.
 */
const KEPT = /^(?:PATH|HOME|USER|LOGNAME|SHELL|TERM|TZ|LANG|LC_\w+|TMPDIR|TEMP|TMP|npm_\w+|CHROMIUM_PATH|FAI_TEST_NODE|SEED|\w*(?:profile|root|data|comspec|pathext)\w*)$/i
const environment = Object.fromEntries(Object.entries(process.env).filter(([name]) => KEPT.test(name)))

/** Runs a command and shows its output when it ends, so that two don't mix. */
async function step (name, ...args) {
  const start = Date.now()
  const child = spawn('npm', ['run', '--silent', ...args], { stdio: ['ignore', 'pipe', 'pipe'], shell: process.platform === 'win32' })
  let output = ''
  child.stdout.on('data', text => { output += text })
  child.stderr.on('data', text => { output += text })
  const [code] = await once(child, 'close')
  if (code !== 0) failures.push(name)
  console.log(`${code === 0 ? 'ok' : 'not ok'} - ${name} (${seconds(start)})${output === '' ? '' : `\n${output.trimEnd()}`}`)
  return code === 0
}

/**
 * Runs test files, each in a plain Node.js. tap's own runner would load its preload in every process that a test starts,
 * which takes half of the time again and isn't how those programs are used. A file that passes is one line; of one that
 * fails, its failed assertions are shown.
 */
async function unit (files, lanes) {
  const waiting = [...files]
  const results = new Map()
  await Promise.all(Array.from({ length: lanes }, async () => {
    for (let file = waiting.shift(); file !== undefined; file = waiting.shift()) results.set(file, await testFile(file))
  }))
  return results
}

async function testFile (file) {
  const start = Date.now()
  const child = spawn(process.execPath, [...nodeArgs, file], { env: { ...environment, TAP_TIMEOUT: String(timeout) }, stdio: ['ignore', 'pipe', 'inherit'] })
  // tap ends the tests of a file in time, but a process may hang afterwards.
  const timer = setTimeout(() => child.kill('SIGKILL'), (timeout + 30) * 1_000)
  const lines = []
  let passed = 0
  let failed = 0
  createInterface({ input: child.stdout }).on('line', line => {
    lines.push(line)
    // An assertion, not the end of a subtest.
    const leaf = /^ *(not )?ok \d+(?!.* # time=)/.exec(line)
    if (leaf?.[1] !== undefined) failed++
    else if (leaf !== null) passed++
  })
  const [code] = await once(child, 'close')
  clearTimeout(timer)
  const isFailed = code !== 0 || failed > 0
  if (isFailed && failed === 0) failed = 1
  console.log(`${isFailed ? 'not ok' : 'ok'} - ${file} (${passed} passed, ${failed} failed), ${seconds(start)}`)
  if (isFailed) console.log([...failedLines(lines), `ended with ${code ?? child.signalCode}`].join('\n'))
  return { passed, failed, isFailed }
}

function testFiles (folder = 'test') {
  return readdirSync(folder, { withFileTypes: true }).filter(({ name }) => name !== 'node_modules').flatMap(entry => {
    const path = `${folder}/${entry.name}`
    return entry.isDirectory() ? testFiles(path) : path.endsWith('.test.ts') ? [path] : []
  }).sort()
}

/** Without the assertions that passed. */
function failedLines (lines) {
  return lines.filter(line => !/^\s*(ok \d+.*|\d+\.\.\d+|)$/.test(line)).slice(0, 300)
}

const build = step('build', 'build')
const afterBuild = async (name, ...args) => { if (await build) await step(name, ...args) }
await Promise.all([
  step('lint', 'lint').then(() => afterBuild('types', 'types')),
  afterBuild('compatibility, the small matrix', 'compat', '--', '--small')
])
if (failures.length > 0) end({ passed: 0, failed: failures.length })

const first = await unit(testFiles(), jobs)
const failed = [...first].filter(([, { isFailed }]) => isFailed).map(([file]) => file)
if (failed.length > 0) console.log(`\nOnce more, one at a time: ${failed.join(' ')}`)
const second = await unit(failed, 1)
for (const file of failed) (second.get(file).isFailed ? failures : flaky).push(file)
const total = { passed: 0, failed: 0 }
for (const [file, result] of first) {
  const { passed, failed } = second.get(file) ?? result
  total.passed += passed
  total.failed += failed
}
await step("Fastify's own tests", 'fastify')
end({ passed: total.passed, failed: Math.max(total.failed, failures.length) })

function end ({ passed, failed }) {
  if (flaky.length > 0) console.log(`Failed beside other files, passed alone: ${flaky.join(' ')}`)
  if (failures.length > 0) console.log(`Failed: ${failures.join(', ')}`)
  console.log(`${passed} passed, ${failed} failed`)
  process.exit(failures.length > 0 ? 1 : 0)
}
