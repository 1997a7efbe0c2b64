/**
 * npm test: every check. Steps that don't depend on each other run side by side; what failed is listed at the end.
 * A test file that fails is run once more, alone: on a busy machine a process may miss a deadline. If it passes then,
 * it is named but doesn't count as failed.
 */
import { spawn } from 'node:child_process'
import { createInterface } from 'node:readline'

const seconds = start => `${((Date.now() - start) / 1_000).toFixed(0)} s`
const failures = []
/** Files that failed beside others and passed alone. */
const flaky = []

/**
 * What the plugin and its libraries read from the environment (CI, NODE_ENV, proxies, OTEL_*, APPLICATIONINSIGHTS_*) must
 * come from the test, not from the machine.
 */
const KEPT = /^(?:PATH|HOME|USER|LOGNAME|SHELL|TERM|TZ|LANG|LC_\w+|TMPDIR|TEMP|TMP|npm_\w+|CHROMIUM_PATH|SEED|\w*(?:profile|root|data|comspec|pathext)\w*)$/i
const environment = Object.fromEntries(Object.entries(process.env).filter(([name]) => KEPT.test(name)))

/** Runs a command and shows its output when it ends, so that two don't mix. */
async function step (name, ...args) {
  const start = Date.now()
  const child = spawn('npm', ['run', '--silent', ...args], { stdio: ['ignore', 'pipe', 'pipe'], shell: process.platform === 'win32' })
  let output = ''
  child.stdout.on('data', text => { output += text })
  child.stderr.on('data', text => { output += text })
  const code = await new Promise(resolve => { child.on('close', resolve) })
  if (code !== 0) failures.push(name)
  console.log(`${code === 0 ? 'ok' : 'not ok'} - ${name} (${seconds(start)})${output === '' ? '' : `\n${output.trimEnd()}`}`)
  return code === 0
}

/** Runs test files with tap. A file that passes is one line; of one that fails, its failed assertions are shown. */
async function unit (...args) {
  const child = spawn('npm', ['run', '--silent', 'unit', '--', '--reporter=tap', ...args], { env: environment, stdio: ['ignore', 'pipe', 'inherit'], shell: process.platform === 'win32' })
  const files = new Map()
  const total = { passed: 0, failed: 0 }
  let lines = []
  for await (const line of createInterface({ input: child.stdout })) {
    const ended = /^(not )?ok \d+ - (\S+\.test\.ts)(.*)/.exec(line)
    if (ended === null) {
      lines.push(line)
      continue
    }
    const [, failed, file, rest] = ended
    const count = { passed: 0, failed: 0 }
    for (const each of lines) {
      // An assertion, not the end of a subtest.
      const leaf = /^ +(not )?ok \d+(?!.* # time=)/.exec(each)
      if (leaf !== null) count[leaf[1] === undefined ? 'passed' : 'failed']++
    }
    if (failed !== undefined && count.failed === 0) count.failed = 1
    files.set(file, { ...count, isFailed: failed !== undefined })
    total.passed += count.passed
    total.failed += count.failed
    console.log(`${failed === undefined ? 'ok' : 'not ok'} - ${file} (${count.passed} passed, ${count.failed} failed)${rest.replace(/^ # time=(\d+).*/, (_, time) => `, ${(time / 1_000).toFixed(1)} s`)}`)
    if (failed !== undefined) console.log(failedLines(lines).join('\n'))
    lines = []
  }
  const code = child.exitCode ?? await new Promise(resolve => { child.on('close', resolve) })
  return { files, total, code }
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

const first = await unit()
const { total } = first
const failed = [...first.files].filter(([, { isFailed }]) => isFailed).map(([file]) => file)
if (failed.length > 0) {
  console.log(`\nOnce more, one at a time: ${failed.join(' ')}`)
  const second = await unit('--jobs=1', ...failed)
  for (const file of failed) {
    const again = second.files.get(file)
    const before = first.files.get(file)
    total.passed += (again?.passed ?? 0) - before.passed
    total.failed += (again?.failed ?? 1) - before.failed
    if (again?.isFailed === false) flaky.push(file)
    else failures.push(file)
  }
} else if (first.code !== 0) {
  failures.push('tap')
}
await step("Fastify's own tests", 'fastify')
end({ passed: total.passed, failed: Math.max(total.failed, failures.length) })

function end ({ passed, failed }) {
  if (flaky.length > 0) console.log(`Failed beside other files, passed alone: ${flaky.join(' ')}`)
  if (failures.length > 0) console.log(`Failed: ${failures.join(', ')}`)
  console.log(`${passed} passed, ${failed} failed`)
  process.exit(failures.length > 0 ? 1 : 0)
}
