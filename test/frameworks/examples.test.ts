/** The examples for frameworks that answer errors themselves: NestJS, mercurius, tRPC. */
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import ts from 'typescript'
import { examples, root, serve } from '../fixtures/example'

t.test('nestjs', async t => {
  const folder = join(examples, 'nestjs')
  // In the project's folder, where the packages are found.
  mkdirSync(join(root, '.tap'), { recursive: true })
  const built = mkdtempSync(join(root, '.tap', 'nestjs-'))
  t.teardown(() => rmSync(built, { recursive: true, force: true }))
  for (const name of ['main', 'app.module']) {
    const { outputText } = ts.transpileModule(readFileSync(join(folder, `${name}.ts`), 'utf8'), {
      compilerOptions: { module: ts.ModuleKind.CommonJS, target: ts.ScriptTarget.ES2022, esModuleInterop: true, experimentalDecorators: true, emitDecoratorMetadata: true }
    })
    writeFileSync(join(built, `${name}.js`), outputText)
  }
  const { emulator, url, stop, output } = await serve(t, join(built, 'main.js'))
  for (const id of ['42', '0', '13']) await fetch(`${url}/books/${id}`)
  // Once it has shut down, Nest sends itself the signal again, this time without a handler.
  await stop(true)
  const requests = emulator.items({ type: 'request' })
  t.same(requests.map(row => [row.name, row.resultCode, row.cloud_RoleName]), ['200', '404', '500'].map(code => ['GET /books/:id', code, 'library']), output())
  t.same(emulator.items(row => row.type === 'trace' && row.message?.startsWith('reading book') === true).map(row => row.operation_Id), requests.map(row => row.operation_Id), "Nest's lines belong to their requests")
  t.match(emulator.items({ type: 'exception' }), [{ outerMessage: 'this book is broken', exceptionType: 'TypeError', operation_Id: requests[2]!.operation_Id }])
  t.equal(emulator.items({ type: 'exception' }).length, 1)
})

async function postJson (url: string, body: object): Promise<unknown> {
  return await (await fetch(url, { method: 'POST', body: JSON.stringify(body), headers: { 'content-type': 'application/json' } })).json()
}

t.test('graphql', async t => {
  const { emulator, url, stop } = await serve(t, join(examples, 'graphql/server.mjs'))
  const ask = async (query: string): Promise<unknown> => await postJson(`${url}/graphql`, { query })
  t.match(await ask('query anyName { book(id: 42) { title } }'), { data: { book: { title: 'A book' } } })
  t.match(await ask('{ b: book(id: 1) { id } a: books { id } }'), { data: { b: { id: '1' } } })
  t.match(await ask('{ book(id: 13) { id } }'), { errors: [{ message: 'this book is broken' }] })
  t.match(await ask('{ book(id: 0) { id } }'), { errors: [{ message: 'no such book' }] })
  t.match(await ask('{ invented }'), { errors: [{ message: /invented/ }] })
  await stop()
  const requests = emulator.items({ type: 'request' })
  t.same(requests.map(row => row.name), ['query book', 'query book, books', 'query book', 'query book', 'POST /graphql'], 'named by the fields')
  t.match(emulator.items({ type: 'exception' }), [{ outerMessage: 'this book is broken', exceptionType: 'TypeError', operation_Id: requests[2]!.operation_Id, customDimensions: { path: 'book' } }])
  t.equal(emulator.items({ type: 'exception' }).length, 1)
})

t.test('trpc', async t => {
  const { emulator, url, stop } = await serve(t, join(examples, 'trpc/server.mjs'))
  const ask = async (path: string): Promise<unknown> => await (await fetch(`${url}/trpc/${path}`)).json()
  t.match(await ask('book?input=%2242%22'), { result: { data: { id: '42' } } })
  t.match(await ask('book?input=%2213%22'), { error: { message: 'this book is broken' } })
  t.match(await ask('book?input=%220%22'), { error: { message: 'no such book' } })
  t.match(await ask('invented'), { error: { message: /invented/ } })
  await stop()
  const requests = emulator.items({ type: 'request' })
  t.same(requests.map(row => [row.name, row.resultCode]), [['query book', '200'], ['query book', '500'], ['query book', '404'], ['GET /trpc/:path', '404']], 'named by the procedure')
  t.match(emulator.items({ type: 'exception' }), [{ outerMessage: 'this book is broken', exceptionType: 'TypeError', operation_Id: requests[1]!.operation_Id, customDimensions: { procedure: 'book' } }])
  t.equal(emulator.items({ type: 'exception' }).length, 1)
})
