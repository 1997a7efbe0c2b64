/** The parser is a package that only those who want KQL install. */
import { cpSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { createRequire } from 'node:module'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import t from 'tap'

t.test('without the parser the error says what to install', async t => {
  // Outside of this repository, whose own copy would be found.
  const folder = mkdtempSync(join(tmpdir(), 'kql-'))
  t.teardown(() => rmSync(folder, { recursive: true }))
  const root = dirname(createRequire(__filename).resolve('fastify-app-insights/package.json'))
  cpSync(join(root, 'dist/emulator'), join(folder, 'emulator'), { recursive: true })
  const { Queries } = createRequire(__filename)(join(folder, 'emulator/kql/client.js')) as { Queries: new (store: object) => { query (kql: string): Promise<unknown>, close (): Promise<void> } }
  const queries = new Queries({ first: 1, last: 0, record: () => undefined, listen: () => () => {} })
  t.teardown(() => queries.close())
  await t.rejects(queries.query('print 1'), { code: 'FAI_KQL_NOT_INSTALLED', message: /npm install --save-dev @kusto\/language-service-next/ })
})

t.test('npm installs nothing of it unasked', async t => {
  const root = dirname(createRequire(__filename).resolve('fastify-app-insights/package.json'))
  const { dependencies, peerDependencies, peerDependenciesMeta } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as Record<string, Record<string, unknown>>
  t.notOk('@kusto/language-service-next' in dependencies!)
  t.ok('@kusto/language-service-next' in peerDependencies!)
  t.same(peerDependenciesMeta!['@kusto/language-service-next'], { optional: true })
})
