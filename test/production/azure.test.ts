/** docs/azure: its queries answer over rows of a real service, its alerts fire when they should, its files agree. */
import { execFileSync } from 'node:child_process'
import { readFileSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import type { Emulator } from 'fastify-app-insights/emulator'
import t, { type Test } from 'tap'
import { type Started, start } from '../fixtures/start'

const azure = join(__dirname, '..', '..', 'docs', 'azure')
const read = (name: string): string => readFileSync(join(azure, name), 'utf8').replaceAll('\r\n', '\n')
const names = readdirSync(join(azure, 'queries')).map(file => file.replace(/\.kql$/, '')).sort()
const kql = (name: string): string => read(`queries/${name}.kql`)

/** A service that does everything that the queries ask for. */
async function sample (t: Test): Promise<Started> {
  const started = await start(t, {
    options: { serviceName: 'shop', properties: { deploymentName: 'blue' }, metrics: { runtime: false } },
    routes: app => {
      app.get('/fine', async () => 'ok')
      app.get('/slow', async () => { await pause(1_100) })
      app.get('/broken', async () => { throw new RangeError('out of stock') })
      app.get('/calls', async request => {
        await fetch(`http://127.0.0.1:${started.port}/fine`, { headers: { connection: 'close' } })
        request.log.warn('stock is low')
      })
    }
  })
  return started
}

async function objects (emulator: Emulator, query: string): Promise<Array<Record<string, unknown>>> {
  const { columns, rows } = await emulator.query(query)
  return rows.map(row => Object.fromEntries(columns.map(({ name }, index) => [name, row[index]])))
}

t.test('every query answers, over rows of a sample service', async t => {
  const { emulator, send, flush } = await sample(t)
  for (const path of ['/fine', '/fine', '/broken', '/calls', '/slow']) await send(path)
  await flush()

  const answers: Record<string, object> = {
    'alert-failure-rate': [{ FailedPercent: 0 }],
    'alert-silence': [{ Rows: Number }],
    'alert-slow': [{ P95: 0 }],
    dependencies: [{ Target: /^127\.0\.0\.1/, Type: 'Http', Calls: 1, Failed: 0, FailedPercent: 0 }],
    'duration-over-time': [{ P50: Number, P95: Number, P99: Number }],
    exceptions: [{ Type: 'RangeError', Message: 'out of stock', Exceptions: 1, Operations: 1 }],
    'failed-routes': [{ Route: 'GET /broken', Status: '500', Failed: 1 }],
    'requests-over-time': [{ Succeeded: Number, Failed: Number }],
    'slowest-routes': [{ Route: 'GET /slow', Requests: 1, Failed: 0 }, { Route: String }, { Route: String }, { Route: String }],
    versions: [{ Service: 'shop', Requests: 6, Failed: 1, Deployment: 'blue' }],
    warnings: [{ Message: 'stock is low', Operation: 'GET /calls', Lines: 1 }]
  }
  t.same(Object.keys(answers).sort(), names, 'there is an answer for each file')
  for (const name of names) t.match(await objects(emulator, kql(name)), answers[name]!, name)
  t.equal((await emulator.query(kql('requests-over-time'))).render?.kind, 'timechart')
})

interface Alert { suffix: string, query: string, column: string, operator: string, threshold: number }

/** What the Bicep file deploys, with the parameters' defaults. */
const alerts: Alert[] = [...read('main.bicep').matchAll(/suffix: '([^']+)'\n.*\n.*\n\s+query: loadTextContent\('([^']+)'\)\n\s+column: '([^']+)'\n\s+operator: '([^']+)'\n\s+threshold: (\w+)/g)]
  .map(([, suffix, query, column, operator, threshold]) => ({ suffix: suffix!, query: query!, column: column!, operator: operator!, threshold: bicepNumber(threshold!) }))

function bicepNumber (text: string): number {
  return /^\d+$/.test(text) ? Number(text) : Number(new RegExp(`param ${text} int = (\\d+)`).exec(read('main.bicep'))![1])
}

/** As Azure evaluates a log alert: the highest value of the column against the threshold; no rows, no alert. */
async function fires (emulator: Emulator, { query, column, operator, threshold }: Alert): Promise<boolean> {
  const values = (await objects(emulator, read(query))).map(row => row[column] as number)
  if (values.length === 0) return false
  return operator === 'GreaterThan' ? Math.max(...values) > threshold : Math.max(...values) < threshold
}

async function firing (emulator: Emulator): Promise<string[]> {
  const found = []
  for (const alert of alerts) if (await fires(emulator, alert)) found.push(alert.suffix)
  return found
}

t.test('the alerts fire when they should, and not otherwise', async t => {
  t.same(alerts.map(({ suffix, query }) => [suffix, query]), ['failure-rate', 'slow', 'silence'].map(name => [name, `queries/alert-${name}.kql`]))
  const { emulator, send, flush } = await sample(t)
  const requests = async (path: string, count: number): Promise<void> => { await Promise.all(Array.from({ length: count }, async () => await send(path))) }
  const round = async (...paths: Array<[path: string, count: number]>): Promise<string[]> => {
    // What was recorded before belongs to the round before.
    await flush()
    emulator.clear()
    for (const [path, count] of paths) await requests(path, count)
    if (paths.length > 0) await flush()
    return await firing(emulator)
  }
  t.same(await round(), ['silence'], 'nothing arrives')
  t.same(await round(['/fine', 25]), [], 'a healthy service')
  t.same(await round(['/fine', 24], ['/broken', 1]), [], '4 % of failures')
  t.same(await round(['/fine', 23], ['/broken', 2]), ['failure-rate'], '8 % of failures')
  t.same(await round(['/broken', 10]), [], 'too few requests to tell')
  t.same(await round(['/slow', 21]), ['slow'], 'slow requests')
  t.same(await round(['/fine', 40], ['/slow', 1]), [], 'one slow request')
})

t.test('workbook.json is what workbook.mjs makes of the queries', async t => {
  t.doesNotThrow(() => execFileSync(process.execPath, [join(azure, 'workbook.mjs'), '--check'], { stdio: 'pipe' }))
  interface Item { type: number, name: string, content: { query?: string, parameters?: Array<{ name: string, type: number }>, timeContextFromParameter?: string, version?: string } }
  const workbook = JSON.parse(read('workbook.json')) as { version: string, items: Item[] }
  t.equal(workbook.version, 'Notebook/1.0')
  t.equal(new Set(workbook.items.map(({ name }) => name)).size, workbook.items.length, 'each item has a name of its own')
  const parameters = workbook.items.flatMap(({ content }) => content.parameters ?? [])
  const charts = workbook.items.filter(({ type }) => type === 3)
  const queries = charts.map(({ content }) => content.query!)
  t.same(queries.sort(), names.filter(name => !name.startsWith('alert-')).map(name => kql(name).trim()).sort(), 'every query but the alerts\' is in it, and no other')
  for (const { content } of charts) t.ok(parameters.some(({ name, type }) => name === content.timeContextFromParameter && type === 4), 'it follows the time that is chosen')
})

t.test('Bicep and Terraform deploy the same', async t => {
  const bicep = read('main.bicep')
  const terraform = read('terraform/main.tf')
  const variables = read('terraform/variables.tf')
  const blocks = [...terraform.matchAll(/^ {4}([\w-]+) = \{\n {6}description = "([^"]+)"\n {6}severity {4}= (\d)\n {6}column {6}= "(\w+)"\n {6}operator {4}= "(\w+)"\n {6}threshold {3}= (\S+)/gm)]
  const ofTerraform = blocks.map(([, suffix, , , column, operator, threshold]) => {
    const value = /^var\.(\w+)$/.exec(threshold!)
    const number = value === null ? threshold : new RegExp(`variable "${value[1]!}" \\{\\n {2}type {8}= number\\n {2}default {5}= (-?\\d+)`).exec(variables)?.[1]
    return { suffix: suffix!, query: `queries/alert-${suffix!}.kql`, column: column!, operator: operator!, threshold: Number(number) }
  })
  t.same(ofTerraform, alerts)
  t.match(terraform, /query +=\s*file\("\$\{path\.module\}\/\.\.\/queries\/alert-\$\{each\.key\}\.kql"\)/)
  for (const [, file] of [...bicep.matchAll(/loadTextContent\('([^']+)'\)/g)]) t.ok(read(file!).length > 0, file)
  for (const [, file] of [...terraform.matchAll(/file\("\$\{path\.module\}\/\.\.\/([\w.]+)"\)/g)]) t.ok(read(file!).length > 0, file)
  t.notMatch(bicep + terraform, /summarize|where /, 'neither has a query of its own')

  const severities = (text: string, pattern: RegExp): string[] => [...text.matchAll(pattern)].map(match => match[1]!)
  t.same(severities(terraform, /severity {4}= (\d)/g), severities(bicep, /severity: (\d)/g))
  for (const same of ['PT5M', 'PT15M', 'Maximum', 'PerGB2018', 'Fastify services']) t.ok(bicep.includes(same) && terraform.includes(same), same)
  const defaults = (text: string, pattern: RegExp): string[] => [...text.matchAll(pattern)].map(match => `${match[1]!.replaceAll(/_?([A-Z])/g, (_, letter: string) => `_${letter.toLowerCase()}`)} ${match[2]!}`).sort()
  t.same(
    defaults(variables.replaceAll(/\n {2}description.*/g, ''), /variable "(\w+)" \{\n {2}type {4,8}= (?:number|string|bool)\n {2}default {1,5}= "?([^"\n]*)"?\n/g),
    defaults(bicep, /^param (\w+) (?:int|bool|string) = '?(-?\d+|true|false|)'?$/gm),
    'the parameters have the same names and defaults')
})

t.test('Terraform can read its files', { skip: hasTerraform() ? false : 'terraform is not installed' }, async t => {
  t.doesNotThrow(() => execFileSync('terraform', ['fmt', '-check', '-diff', join(azure, 'terraform')], { stdio: 'pipe' }))
})

function hasTerraform (): boolean {
  try {
    execFileSync('terraform', ['version'], { stdio: 'ignore' })
    return true
  } catch {
    return false
  }
}
