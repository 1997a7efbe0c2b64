import { hostname } from 'node:os'
import { join } from 'node:path'
import t from 'tap'
import { detectRole, roleOf } from '../lib/tracing/resource'
import { plainNode } from './fixtures/plain-node'

const { name, version } = require('../package.json') as { name: string, version: string }

function role (env: NodeJS.ProcessEnv, serviceName?: string): Record<string, unknown> {
  const resource = detectRole(serviceName, env)
  const { 'service.instance.id': instance, 'service.version': serviceVersion } = resource.attributes
  return { role: roleOf(resource), instance, version: serviceVersion }
}

t.test('the role: the option, the OTEL_ variables, the platform, package.json', async t => {
  const attributes = 'service.name=from%20attributes,service.namespace=shop,service.version=2.0.0,service.instance.id=i1'
  const appService = { WEBSITE_SITE_NAME: 'site', WEBSITE_INSTANCE_ID: 'w1' }
  const cases: Array<[NodeJS.ProcessEnv, string | undefined, object]> = [
    [{ OTEL_SERVICE_NAME: 'env', ...appService }, 'option', { role: 'option', instance: 'w1' }],
    [{ OTEL_SERVICE_NAME: 'env', OTEL_RESOURCE_ATTRIBUTES: attributes, ...appService }, undefined, { role: 'shop.env', instance: 'i1', version: '2.0.0' }],
    [{ OTEL_SERVICE_NAME: ' ', OTEL_RESOURCE_ATTRIBUTES: attributes }, undefined, { role: 'shop.from attributes' }],
    [{ OTEL_RESOURCE_ATTRIBUTES: attributes }, 'option', { role: 'option', version: '2.0.0' }],
    [appService, undefined, { role: 'site', instance: 'w1' }],
    [{ CONTAINER_APP_NAME: 'container', CONTAINER_APP_REPLICA_NAME: 'container--1-x', CONTAINER_APP_REVISION: 'container--1' }, undefined, { role: 'container', instance: 'container--1-x' }],
    [{ KUBERNETES_SERVICE_HOST: '10.0.0.1', HOSTNAME: 'orders-api-7c9d8b6f5d-x2x4z' }, undefined, { role: 'orders-api', instance: 'orders-api-7c9d8b6f5d-x2x4z' }],
    [{ KUBERNETES_SERVICE_HOST: '10.0.0.1', HOSTNAME: 'db-0' }, undefined, { role: name, instance: 'db-0' }],
    [{ OTEL_RESOURCE_ATTRIBUTES: 'k8s.pod.name=p1,service.name=kept,broken,=,x=%E0%A4%A' }, undefined, { role: 'kept' }],
    [{}, undefined, { role: name, instance: hostname(), version }]
  ]
  for (const [env, option, expected] of cases) t.match(role(env, option), expected, JSON.stringify(env))
})

t.test('the app is what a tool of the project starts, not the tool; a program that is installed elsewhere is an app itself', async t => {
  const program = `process.stdout.write(require(${JSON.stringify(join(__dirname, '../dist/tracing/resource.js'))}).detectRole(undefined, {}).attributes['service.name'])`
  const tool = (): Record<string, string> => ({ 'package.json': '{ "name": "fastify-cli" }', 'cli.js': program })
  const root = t.testdir({
    repository: {
      'package.json': '{ "name": "repository" }',
      node_modules: { 'fastify-cli': tool(), '.pnpm': { 'fastify-cli@7.0.0': { node_modules: { 'fastify-cli': tool() } } } },
      packages: { orders: { 'package.json': '{ "name": "orders" }', 'server.js': program } }
    },
    global: { node_modules: { shop: { 'package.json': '{ "name": "shop" }', 'cli.js': program } } }
  })
  const cases = [
    ['repository/node_modules/fastify-cli/cli.js', 'repository', 'repository'],
    ['repository/node_modules/fastify-cli/cli.js', 'repository/packages/orders', 'orders'],
    ['repository/node_modules/.pnpm/fastify-cli@7.0.0/node_modules/fastify-cli/cli.js', 'repository/packages/orders', 'orders'],
    ['repository/packages/orders/server.js', 'repository', 'orders'],
    ['global/node_modules/shop/cli.js', 'repository', 'shop']
  ] as const
  for (const [file, folder, name] of cases) {
    const { stdout, stderr } = await plainNode([join(root, file)], {}, undefined, join(root, folder))
    t.equal(stdout, name, `${file} in ${folder} ${stderr}`)
  }
})
