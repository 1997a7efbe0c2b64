import { join } from 'node:path'
import t, { type Test } from 'tap'
import { use } from '../fixtures/instrumented/use'

/** A package, an instrumentation for it, and an app that imports the package first. */
function project (t: Test, given: { package: string, source: string, version?: string, supported?: string, patch: string, loads?: string }): string {
  const { package: manifest, source, version = '1.2.3', supported = '1.x', patch, loads = "await import('shop')" } = given
  const folder = t.testdir({
    node_modules: { shop: { 'package.json': JSON.stringify({ name: 'shop', version, ...JSON.parse(manifest) as object }), 'index.js': source } },
    'app.mjs': `
import { createRequire } from 'node:module'
const loaded = ${loads}
const { default: fastify } = await import('fastify')
const { default: plugin } = await import('fastify-app-insights')
const { InstrumentationBase, InstrumentationNodeModuleDefinition } = createRequire(import.meta.url)('@opentelemetry/instrumentation')
class ShopInstrumentation extends InstrumentationBase {
  constructor () { super('instrumentation-shop', '1.0.0', {}) }
  init () { return [new InstrumentationNodeModuleDefinition('shop', ['${supported}'], exports => { ${patch} })] }
}
const warnings = []
process.on('warning', ({ code, message }) => { if (code?.startsWith('FAI_')) warnings.push({ code, message }) })
const app = fastify()
await app.register(plugin, { connectionString: process.env.CONNECTION_STRING, storageDirectory: false, logs: false, instrumentations: [new ShopInstrumentation()] })
await app.ready()
await app.close()
process.stdout.write(JSON.stringify({ status: (loaded?.default ?? loaded)?.sell?.() ?? 0, warnings }))
`
  })
  return join(folder, 'app.mjs')
}

const late: Array<{ is: string, given: Parameters<typeof project>[1], status: number, warnings: object[] }> = [
  {
    is: 'an ES module came too late, and that is said',
    given: { package: '{"type":"module","exports":"./index.js"}', source: 'export function sell () { return 1 }', patch: 'return exports' },
    status: 1,
    warnings: [{ code: 'FAI_WARN_INSTRUMENTATION_TOO_LATE', message: /instrumentation-shop was created too late for shop:/ }]
  },
  {
    is: 'an ES module that nobody has imported did not',
    given: { package: '{"type":"module","exports":"./index.js"}', source: 'export function sell () { return 1 }', patch: 'return exports', loads: '{}' },
    status: 0,
    warnings: []
  },
  {
    is: 'a package whose export is replaced came too late for those who have it',
    given: { package: '{}', source: 'module.exports = { sell: () => 1 }', patch: 'return { sell: () => 2 }' },
    status: 1,
    warnings: [{ code: 'FAI_WARN_INSTRUMENTATION_TOO_LATE', message: /instrumentation-shop was created too late for shop:/ }]
  },
  {
    is: 'a package whose function is replaced came too late for those who have taken it',
    given: { package: '{}', source: 'exports.sell = () => 1', patch: 'exports.sell = () => 2; return exports' },
    status: 2,
    warnings: [{ code: 'FAI_WARN_INSTRUMENTATION_TOO_LATE', message: /sell of shop/ }]
  },
  {
    is: 'a method that is replaced reaches everybody',
    given: { package: '{}', source: 'class Shop { sell () { return 1 } }; exports.Shop = Shop; exports.sell = () => new Shop().sell()', patch: 'exports.Shop.prototype.sell = () => 2; return exports' },
    status: 2,
    warnings: []
  },
  {
    is: 'a version that the instrumentation does not know is named',
    given: { package: '{}', source: 'exports.sell = () => 1', version: '9.0.0', patch: 'return exports' },
    status: 1,
    warnings: [{ code: 'FAI_WARN_INSTRUMENTATION_UNSUPPORTED', message: /instrumentation-shop does not support shop 9.0.0/ }]
  }
]

for (const { is, given, status, warnings } of late) {
  t.test(is, async t => {
    const outcome = await use(t, project(t, given), [])
    t.equal(outcome.status, status)
    t.match(outcome.warnings, warnings)
    t.equal(outcome.warnings.length, warnings.length)
  })
}
