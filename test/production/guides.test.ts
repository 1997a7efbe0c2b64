/** The blocks of the newer guides that are not JavaScript, which test/docs.test.ts runs: commands, queries, output. */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { type Row, expectRows } from 'fastify-app-insights/emulator'
import t from 'tap'
import { storyText } from '../../dist/command/story.js'
import { start } from '../fixtures/start'
import { temporary } from '../fixtures/telemetry'

const root = join(__dirname, '..', '..')
const read = (name: string): string => readFileSync(join(root, name), 'utf8').replaceAll('\r\n', '\n')
const GUIDES = ['production', 'privacy', 'assistants', 'testing']

interface Block { guide: string, language: string, text: string }
const blocks: Block[] = GUIDES.flatMap(guide => [...read(`docs/${guide}.md`).matchAll(/^```(\w*)\n([^]*?)^```$/gm)].map(([, language, text]) => ({ guide, language: language!, text: text! })))
const of = (language: string): Block[] => blocks.filter(block => block.language === language)

/** What only Azure can run, by how it begins, and why. */
const AZURE_ONLY: Record<string, string> = {
  'union App*': '_BilledSize is a column of Azure\'s own, which nothing is billed for here'
}

t.test('every block is of a kind that is looked at', async t => {
  t.same([...new Set(blocks.map(({ language }) => language))].sort(), ['', 'js', 'kusto', 'sh'])
})

t.test('queries run', async t => {
  const { emulator, flush } = await start(t)
  await flush()
  const seen = new Set<string>()
  for (const { guide, text } of of('kusto')) {
    const first = text.split('\n')[0]!
    if (first in AZURE_ONLY) seen.add(first)
    else await t.resolves(emulator.query(text), `${guide}: ${first}`)
  }
  t.same([...seen], Object.keys(AZURE_ONLY), 'the list is up to date')
})

t.test('commands have the options that they are shown with', async t => {
  const { emulator, send, flush } = await start(t)
  await send('/nowhere')
  await flush()
  const commands = of('sh').flatMap(({ text }) => text.replaceAll('\\\n', ' ').split('\n').filter(line => line !== ''))
  const bicep = read('docs/azure/main.bicep')
  const variables = read('docs/azure/terraform/variables.tf')
  for (const command of commands) {
    const ours = /^npx fastify-app-insights (.*)$/.exec(command)
    if (ours !== null) {
      const child = spawn(process.execPath, [join(root, 'dist/command/index.js'), ...ours[1]!.split(' '), '--url', emulator.url], { stdio: 'ignore' })
      t.same(await once(child, 'close'), [0, null], command)
    } else if (command.startsWith('az deployment')) {
      t.ok(existsSync(join(root, /--template-file (\S+)/.exec(command)![1]!)), 'the template is there')
      for (const [, name] of command.slice(command.indexOf('--parameters')).matchAll(/ (\w+)=/g)) t.match(bicep, new RegExp(`^param ${name!} `, 'm'))
    } else if (command.startsWith('terraform')) {
      t.ok(existsSync(join(root, /-chdir=(\S+)/.exec(command)![1]!)), 'the folder is there')
      for (const [, name] of command.matchAll(/-var (\w+)=/g)) t.match(variables, `variable "${name!}"`)
    } else if (command.startsWith('az webapp') || command.startsWith('az containerapp')) {
      t.match(command, /APPLICATIONINSIGHTS_CONNECTION_STRING/, 'it sets what the plugin reads')
    } else t.fail(`nothing looks at: ${command}`)
  }
})

t.test('explain prints what docs/assistants.md shows', async t => {
  const none = { properties: {} }
  t.equal(storyText({
    operationId: 'df41ebcc28f1cc6b941f72c7ca226ced',
    began: '2026-11-25T22:29:49.797Z',
    page: 'http://127.0.0.1:4319/#/operation?id=df41ebcc28f1cc6b941f72c7ca226ced',
    failed: true,
    requests: [{ name: 'POST /checkout', url: 'http://127.0.0.1:3000/checkout?coupon=x', status: '500', success: false, duration: 57.7, offset: 0, role: 'shop', user: 'u-17', ...none }],
    errors: [{ type: 'TypeError', message: "Cannot read properties of null (reading 'reduce')", offset: 43, frames: ['at Object.checkout (/app/shop.js:35:32)'], omittedFrames: 1, causes: [], ...none }],
    logs: [{ offset: 6, severity: 'info', message: 'checkout begun', properties: { cart: 'c-9' } }, { offset: 42, severity: 'warning', message: 'stock service did not answer, going on', ...none }],
    calls: [{ offset: 8, name: 'GET /stock/2', target: '127.0.0.1:3001', type: 'Http', result: '503', success: false, duration: 33.5 }],
    events: [],
    omitted: { logs: 0, calls: 0 }
  }), blocks.find(({ guide, language }) => guide === 'assistants' && language === '')!.text)
})

t.test('expectRows fails as docs/testing.md shows', async t => {
  const file = join(temporary(t), 'order.json')
  const row = (resultCode: string, dimension: string): Row[] => [
    { type: 'request', name: 'POST /orders', operation_Name: 'POST /orders', resultCode, success: true, cloud_RoleName: 'shop', customDimensions: {}, customMeasurements: {} },
    { type: 'trace', message: 'order placed', operation_Name: 'POST /orders', cloud_RoleName: 'shop', customDimensions: { [dimension]: '2' }, customMeasurements: {} }
  ] as unknown as Row[]
  await expectRows({ items: () => row('201', 'bookId') }, file, { update: true })
  const queries = { 'alert on orders': "requests | where name == 'POST /orders' and resultCode == 201 | count" }
  const { message } = await expectRows({ items: () => row('202', 'book_id') }, file, { queries }).then(() => new Error('it passes'), (error: Error) => error)
  const shown = blocks.find(({ guide, language }) => guide === 'testing' && language === '')!.text
  t.equal(`${message.replace(file, 'test/rows/order.json')}\n`, shown)
})

t.test('what docs/assistants.md has for editors starts the server', async t => {
  const lines = [...read('docs/assistants.md').matchAll(/^\| (Claude Code|VS Code|Cursor|Zed)[^|]*\| `(.*)` \|$/gm)]
  t.equal(lines.length, 4)
  for (const [, editor, line] of lines) {
    const json = /\{.*\}/.exec(line!)?.[0]
    const words = json === undefined ? line!.split(' -- ')[1]! : JSON.stringify(JSON.parse(json), (_key, value: unknown) => Array.isArray(value) ? value.join(' ') : value)
    t.match(words, /npx.*fastify-app-insights mcp/, editor)
  }
})

t.test('nothing of what is installed is native: it runs on Alpine\'s musl as on glibc', async t => {
  interface Entry { dev?: boolean, devOptional?: boolean, peer?: boolean, optional?: boolean, hasInstallScript?: boolean, os?: string[], cpu?: string[], libc?: string[] }
  const { packages } = JSON.parse(read('package-lock.json')) as { packages: Record<string, Entry> }
  const runtime = Object.entries(packages).filter(([name, { dev, devOptional }]) => name !== '' && dev !== true && devOptional !== true)
  t.ok(runtime.length > 20)
  t.same(runtime.filter(([, { hasInstallScript, os, cpu, libc }]) => hasInstallScript === true || os !== undefined || cpu !== undefined || libc !== undefined).map(([name]) => name), [])
})
