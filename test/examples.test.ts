/** Every folder in docs/examples runs as its own process, against an emulator. */
import { once } from 'node:events'
import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import ts from 'typescript'
import { examples, root, serve, spawnNode } from './fixtures/example'

const NO_THREAD = 'the worker thread cannot be started'

async function readsUser (t: Test, file: string, more: object = {}): Promise<void> {
  const { emulator, url, stop, output } = await serve(t, file)
  t.same(await (await fetch(`${url}/users/42`)).json(), { id: '42' })
  const request = await emulator.waitFor({ type: 'request', name: 'GET /users/:id' })
  t.match(request, { resultCode: '200', success: true, ...more })
  await emulator.waitFor({ type: 'trace', message: 'user read', operation_Id: request.operation_Id, customDimensions: { userId: '42' } })
  await stop()
  t.notMatch(output(), NO_THREAD, 'a worker thread has sent them')
}

t.test('commonjs', async t => await readsUser(t, join(examples, 'commonjs/server.js')))

t.test('esm', async t => await readsUser(t, join(examples, 'esm/server.mjs'), { customDimensions: { deploymentName: 'blue' } }))

t.test('typescript', async t => {
  const source = readFileSync(join(examples, 'typescript/server.ts'), 'utf8')
  // `npm run types` checks it; here it only has to run on a Node.js without type stripping.
  const { outputText } = ts.transpileModule(source, { compilerOptions: { module: ts.ModuleKind.CommonJS, target: ts.ScriptTarget.ES2022, esModuleInterop: true } })
  const file = join(t.testdir({}), 'server.cjs')
  writeFileSync(file, outputText)
  await readsUser(t, file, { customDimensions: { deploymentName: 'blue', tenant: 'none', userId: '42' } })
})

t.test('entra-id', async t => {
  const folder = t.testdir({})
  cpSync(join(examples, 'entra-id'), folder, { recursive: true })
  // The real one needs an Azure identity.
  const identity = join(folder, 'node_modules/@azure/identity')
  mkdirSync(identity, { recursive: true })
  writeFileSync(join(identity, 'index.js'), "exports.DefaultAzureCredential = class { async getToken (scope) { console.log('asked for', scope); return { token: 'of-entra', expiresOnTimestamp: Date.now() + 3.6e6 } } }")
  const { emulator, url, stop } = await serve(t, join(folder, 'server.mjs'))
  let authorization: string | undefined
  emulator.respondWith(request => { authorization = request.headers.authorization; return undefined })
  await fetch(`${url}/users/42`)
  await emulator.waitFor({ type: 'request', name: 'GET /users/:id' })
  t.equal(authorization, 'Bearer of-entra')
  await stop()
})

t.test('queue-worker', async t => {
  const { emulator, url, stop } = await serve(t, join(examples, 'queue-worker/worker.mjs'))
  for (const to of ['anna@example.org', 'nobody']) {
    await fetch(`${url}/mails`, { method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify({ orderId: 42, to }) })
  }
  const sent = await emulator.waitFor({ type: 'request', name: 'JOB send-mail', success: true })
  t.match(sent, { cloud_RoleName: 'mailer', customDimensions: { orderId: '42' } })
  await emulator.waitFor({ type: 'trace', message: 'mail sent', operation_Id: sent.operation_Id })
  await emulator.waitFor({ type: 'dependency', name: 'render', operation_Id: sent.operation_Id })
  const failed = await emulator.waitFor({ type: 'request', name: 'JOB send-mail', success: false })
  await emulator.waitFor({ type: 'exception', outerMessage: 'no address', operation_Id: failed.operation_Id })
  await stop()
  t.notOk(emulator.items().some(({ envelope }) => JSON.stringify(envelope).includes('anna')), 'no address is in any row')
})

t.test('testing', async t => {
  const child = spawnNode(t, [join(examples, 'testing/app.test.mjs')])
  const [code] = await once(child, 'exit')
  t.equal(code, 0, code === 0 ? 'passes' : child.output())
})

t.test('two services: the bookshop and its warehouse', async t => {
  const child = spawnNode(t, [join(examples, 'start.mjs'), '--once'])
  const [code] = await once(child, 'exit')
  t.equal(code, 0, code === 0 ? 'passes' : child.output())
})

/** Built by `args` next to its node_modules, then moved elsewhere. */
async function bundle (t: Test, example: string, args: string[]): Promise<string> {
  const source = t.testdir({})
  cpSync(join(examples, example), source, { recursive: true })
  const built = spawnNode(t, args, {}, source)
  t.equal((await once(built, 'exit'))[0], 0, `it is built ${built.output()}`)
  const folder = mkdtempSync(join(tmpdir(), 'bundle-'))
  t.teardown(() => rmSync(folder, { recursive: true, force: true, maxRetries: 3 }))
  cpSync(join(source, 'dist'), folder, { recursive: true })
  return folder
}

t.test("bundle-esbuild: the bundle alone, with and without the worker thread's file", async t => {
  const folder = await bundle(t, 'bundle-esbuild', ['build.mjs'])
  await readsUser(t, join(folder, 'server.js'))
  rmSync(join(folder, 'app-insights-worker.js'))
  const { emulator, url, stop, output } = await serve(t, join(folder, 'server.js'))
  for (const id of [1, 2]) await fetch(`${url}/users/${id}`)
  await emulator.waitFor({ type: 'request', url: /users\/2/ })
  await stop()
  t.equal(output().split(NO_THREAD).length, 2, 'one warning')
})

t.test("bundle-esbuild as an ES module, with the guide's banner", async t => {
  const guide = readFileSync(join(root, 'docs/bundling.md'), 'utf8').replaceAll('\r\n', '\n')
  const banner = /^```js\n(banner: [^]*?)\n```/m.exec(guide)![1]!
  const build = readFileSync(join(examples, 'bundle-esbuild/build.mjs'), 'utf8')
  const esm = build.replace("platform: 'node',", `platform: 'node', format: 'esm', ${banner},`)
  t.not(esm, build)
  const folder = await bundle(t, 'bundle-esbuild', ['--input-type=module', '--eval', esm])
  writeFileSync(join(folder, 'package.json'), '{ "type": "module" }')
  await readsUser(t, join(folder, 'server.js'))
})

t.test('bundle-webpack: the bundle alone', async t => {
  // Does what webpack's CLI does, which would be another package.
  const folder = await bundle(t, 'bundle-webpack', ['--eval', `
    require('webpack')(require('./webpack.config.js'), (error, stats) => {
      if (error !== null || stats.hasErrors()) throw error ?? new Error(stats.toString())
    })`])
  await readsUser(t, join(folder, 'server.js'))
})
