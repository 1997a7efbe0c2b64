/** The docs match the code's options and error codes; their code runs, and their links work. */
import { type ChildProcess, execFile, fork } from 'node:child_process'
import { existsSync, readFileSync, readdirSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { promisify } from 'node:util'
import { startEmulator } from 'fastify-app-insights/emulator'
import t, { type Test } from 'tap'
import ts from 'typescript'
import * as limits from '../dist/rows/limits.js'

const root = join(__dirname, '..')
const run = promisify(execFile)

/** Replaces the marked part of a document if UPDATE_DOCS=1, and checks that it equals `expected`. */
function checkMarked (t: Test, name: string, mark: string, expected: string): void {
  const file = join(root, 'docs', name)
  const marked = new RegExp(`(<!-- ${mark} -->\n)[^]*?(\n<!-- /${mark} -->)`)
  const read = (): string => readFileSync(file, 'utf8').replaceAll('\r\n', '\n')
  if (process.env.UPDATE_DOCS === '1') writeFileSync(file, read().replace(marked, (_, before: string, after: string) => before + expected + after))
  t.equal(marked.exec(read())?.[0], `<!-- ${mark} -->\n${expected}\n<!-- /${mark} -->`, 'UPDATE_DOCS=1 npx tap test/docs.test.ts brings it up to date')
}

const cell = (text: string): string => text.replaceAll(/\s+/g, ' ').replaceAll('|', '\\|').trim()

/** The options of one interface in lib/options/interfaces.ts, as rows. */
function optionRows (source: ts.SourceFile, name: string, prefix: string): string[] {
  const declaration = source.statements.find((node): node is ts.InterfaceDeclaration => ts.isInterfaceDeclaration(node) && node.name.text === name)!
  return declaration.members.filter(ts.isPropertySignature).map(member => {
    const option = (member.name as ts.Identifier).text
    const [doc] = ts.getJSDocCommentsAndTags(member).filter(ts.isJSDoc)
    if (doc === undefined) throw new Error(`${prefix}${option} has no docstring`)
    const tag = doc.tags?.find(({ tagName }) => tagName.text === 'default')
    const text = (comment: string | ts.NodeArray<ts.JSDocComment> | undefined): string => ts.getTextOfJSDocComment(comment) ?? ''
    return `| \`${prefix}${option}\` | \`${cell(member.type!.getText(source)).replaceAll('\\|', '\\|')}\` | ${cell(text(tag?.comment))} | ${cell(text(doc.comment))} |`
  })
}

t.test('docs/options.md has every option in the types, with its default and meaning', async t => {
  const file = join(root, 'lib/options/interfaces.ts')
  const source = ts.createSourceFile(file, readFileSync(file, 'utf8').replaceAll('\r\n', '\n'), ts.ScriptTarget.ES2022, true)
  const head = ['| option | type | default | |', '|---|---|---|---|']
  checkMarked(t, 'options.md', 'options', [...head, ...optionRows(source, 'AppInsightsOptions', '')].join('\n'))
  for (const [name, prefix] of [['RequestOptions', 'requests.'], ['LogOptions', 'logs.'], ['ExceptionOptions', 'exceptions.'], ['DependencyOptions', 'dependencies.'], ['MetricOptions', 'metrics.'], ['IgnoreOptions', 'ignore.']] as const) {
    checkMarked(t, 'options.md', prefix.slice(0, -1), [...head, ...optionRows(source, name, prefix)].join('\n'))
  }
})

t.test('docs/data-model.md has the limits that rows are held to', async t => {
  const number = (value: number): string => value.toLocaleString('en')
  const longest = (fields: Readonly<Record<string, number>>): string => Object.entries(fields).map(([field, most]) => `\`${field}\` ${number(most)}`).join(', ')
  const tables = Object.entries(limits.TABLES).filter(([, table]) => Object.keys(table.longest).length > 0)
    .map(([baseType, table]) => `| \`${baseType}\` | ${longest(table.longest)} | ${Object.keys(table.required).map(field => `\`${field}\``).join(', ')} |`)
  checkMarked(t, 'data-model.md', 'limits', [
    '| what | at most, in characters | never empty |',
    '|---|---|---|',
    `| a row, as JSON | ${number(limits.ROW_BYTES)} bytes | |`,
    `| a property | name ${number(limits.PROPERTY_NAME)}, value ${number(limits.PROPERTY_BYTES)} bytes; a log line brings ${limits.PROPERTIES} | |`,
    `| \`ExceptionData.exceptions[]\` | \`typeName\` ${number(limits.TYPE_NAME)}, \`message\` ${number(limits.MESSAGE)}, \`stack\` ${number(limits.STACK)} | \`typeName\`, \`message\` |`,
    `| \`MetricData.metrics[]\` | \`name\` ${number(limits.METRIC_NAME)} | \`name\`, \`value\` |`,
    ...tables,
    `| a duration | less than ${number(limits.DURATION / 86_400_000)} days | |`,
    `| tags | ${longest(limits.TAGS)} | |`
  ].join('\n'))
})

t.test('every error code is in docs/errors.md, and vice versa', async t => {
  const codes = (text: string): string[] => [...new Set(text.match(/FAI_(?:ERR|WARN)_[A-Z_]+/g))].sort()
  const inCode = codes((readdirSync(join(root, 'lib'), { recursive: true }) as string[]).filter(name => name.endsWith('.ts')).map(name => readFileSync(join(root, 'lib', name), 'utf8')).join('\n'))
  t.same(codes(readFileSync(join(root, 'docs', 'errors.md'), 'utf8')), inCode)
})

const documents = ['README.md', ...readdirSync(join(root, 'docs')).filter(name => name.endsWith('.md')).map(name => `docs/${name}`)]
const textOf = (name: string): string => readFileSync(join(root, name), 'utf8').replaceAll('\r\n', '\n')

/** Blocks that are only parsed, by their first words, and why. */
const READ_ONLY: Record<string, string> = {
  'banner: {': 'an option of esbuild; test/examples.test.ts builds with it',
  'useAzureMonitor({': 'another SDK, which is global to its process; test/emulator/clients.test.ts runs it',
  'new ApplicationInsights({ config: {': 'a script of browsers; test/emulator/clients.test.ts runs it'
}

interface Block { name: string, runs: boolean, whole: boolean, url: string | undefined, code: string }

/**
 * The ```js blocks of a document. `<!-- runs -->` on the line above runs a block, `<!-- runs: /users/42 -->` also sends
 * a GET to the block's app and expects its row. `<!-- is: file -->` shows a file, which test/examples.test.ts runs.
 */
function blocksOf (document: string): Block[] {
  const text = textOf(document)
  return [...text.matchAll(/(?:<!-- (runs|is)(?:: (\S+))? -->\n)?^```js\n([^]*?)^```/gm)].map(({ 1: mark, 2: of, 3: code, index }) =>
    ({ name: `${document}:${text.slice(0, index).split('\n').length}`, runs: mark === 'runs', whole: mark === 'is', url: mark === 'runs' ? of : undefined, code: code! }))
}

/** Makes a whole program by adding what the reader already has before the block. */
function programOf ({ code, url, whole }: Block): string {
  if (whole) return code
  const imports = code.split('\n').filter(line => line.startsWith('import '))
  let body = code.split('\n').filter(line => !line.startsWith('import ')).join('\n').replaceAll('port: 3000', 'port: 0')
    .replaceAll("'test/rows/", "'node_modules/.cache/rows/")
  // Options are shown without the call.
  if (/^\w+: [{[]/.test(body)) body = `app.register(appInsightsPlugin, {\n${body}\n})`
  const lacks = (name: string): boolean => !new RegExp(`import .*\\b${name}\\b.* from |(?:const|let) [^=]*\\b${name}\\b[^=]* = |function ${name} `).test(code)
  const before = [
    lacks('appInsightsPlugin') && "import appInsightsPlugin from 'fastify-app-insights'",
    ...imports,
    "import createFastifyOfTheTest from 'fastify'",
    lacks('connectionString') && 'const connectionString = process.env.APPLICATIONINSIGHTS_CONNECTION_STRING',
    lacks('app') && 'const app = createFastifyOfTheTest({ logger: { stream: { write () {} } } })',
    lacks('app') && lacks('fastify') && 'const fastify = app',
    lacks('handler') && "const handler = async () => 'ok'",
    lacks('app') && !body.includes('appInsightsPlugin') && 'await app.register(appInsightsPlugin)',
    body.includes('emulator.') && lacks('emulator') && "import { startEmulator } from 'fastify-app-insights/emulator'\nconst emulator = await startEmulator()",
    ...['compute', 'cleanUp', 'charge'].map(name => body.includes(`${name}(`) && `const ${name} = async () => 42`)
  ]
  const after = url === undefined ? [] : [`await app.inject(${JSON.stringify(url)})`]
  // A block that contains tests closes what it opens.
  const closes = lacks('app') || url !== undefined ? ['await app.close()'] : []
  if (body.includes('emulator.') && lacks('emulator')) closes.push('await emulator.close()')
  return [...before.filter(line => line !== false), body, ...after, ...closes].join('\n')
}

/** These change the whole process, or run after their file has. */
const NEEDS_A_PROCESS = /node:test|from 'tap'|process\.(?:on|exit)|\.listen\(|instrumentations?\b|\/register'|from '@(?:azure|opentelemetry|sentry)\//

interface Runner { shared: (file: string) => Promise<void>, alone: (args: string[]) => Promise<void>, close: () => void }

/** Most blocks share a process: it takes a second of CPU time to start one and load everything. */
function createRunner (env: NodeJS.ProcessEnv): Runner {
  let child: ChildProcess | undefined
  return {
    async alone (args) { await run(process.execPath, args, { env, timeout: 60_000 }) },
    async shared (file) {
      child ??= fork(join(__dirname, 'fixtures', 'blocks.mjs'), { env, execArgv: [], stdio: ['ignore', 'ignore', 'ignore', 'ipc'] })
      const current = child
      const answer = new Promise<{ error?: string }>((resolve, reject) => {
        current.once('message', resolve)
        current.once('exit', code => { reject(new Error(`the process ended with ${code}`)) })
      })
      current.send(pathToFileURL(file).href)
      try {
        const { error } = await answer
        if (error !== undefined) throw new Error(error)
      } finally {
        current.removeAllListeners()
        if (current.exitCode !== null) child = undefined
      }
    },
    close () { child?.kill() }
  }
}

t.test("every js block in README.md and docs runs, or says why it can't", async t => {
  const blocks = documents.flatMap(blocksOf)
  const begins = ({ code }: Block): string => code.slice(0, code.indexOf('\n'))
  t.same(blocks.filter(block => !block.runs && !block.whole).map(begins).sort(), Object.keys(READ_ONLY).sort(), 'the others are marked <!-- runs -->')
  const folder = t.testdir({})
  async function check (lane: number): Promise<void> {
    const emulator = await startEmulator()
    t.teardown(async () => await emulator.close())
    const runner = createRunner({ PATH: process.env.PATH, HOME: process.env.HOME, APPLICATIONINSIGHTS_CONNECTION_STRING: emulator.connectionString })
    t.teardown(() => runner.close())
    for (let block = blocks.shift(); block !== undefined; block = blocks.shift()) {
      const file = join(folder, `block-${lane}-${blocks.length}.mjs`)
      const code = programOf(block)
      writeFileSync(file, code)
      emulator.clear()
      try {
        if (!block.runs) await runner.alone(['--check', file])
        else if (NEEDS_A_PROCESS.test(code)) await runner.alone([file])
        else await runner.shared(file)
        if (block.url !== undefined) t.equal(emulator.items({ type: 'request' }).length, 1, `${block.name} reports its request`)
        else t.pass(`${block.name} ${block.runs ? 'runs' : 'can be read'}`)
      } catch (error) {
        const { stdout, stderr } = error as { stdout?: string, stderr?: string }
        t.fail(block.name, { error: `${stdout ?? ''}${stderr ?? String(error)}` })
      }
    }
  }
  await Promise.all([1, 2].map(check))
})

t.test('a block that shows an example file matches the file', async t => {
  for (const document of documents) {
    for (const { 1: name, 2: code } of textOf(document).matchAll(/<!-- is: (\S+) -->\n```\w+\n([^]*?)^```/gm)) {
      t.equal(code, textOf(`docs/${name!}`), `${document} shows ${name!}`)
    }
  }
})

t.test('links between the documents work', async t => {
  const anchor = (title: string): string => title.trim().toLowerCase().replaceAll(/[^\p{L}\p{N} _-]/gu, '').replaceAll(' ', '-')
  for (const document of documents) {
    const dead = [...textOf(document).replaceAll(/```[^]*?```/g, '').matchAll(/\]\(([^)\s]+)\)/g)].map(match => match[1]!).filter(link => {
      if (/^[a-z]+:/.test(link)) return false
      const [path, fragment] = link.split('#') as [string, string?]
      const target = path === '' ? join(root, document) : join(root, dirname(document), path)
      if (!existsSync(target)) return true
      if (fragment === undefined) return false
      return ![...readFileSync(target, 'utf8').matchAll(/^#+ (.*)$/gm)].some(heading => anchor(heading[1]!) === fragment)
    })
    t.same(dead, [], document)
  }
})

t.test('docs/README.md links to every guide', async t => {
  const index = textOf('docs/README.md')
  t.same(documents.filter(name => name.startsWith('docs/') && name !== 'docs/README.md' && !index.includes(`(${name.slice(5)})`)), [])
})
