/** The page of docs/dependencies.md in a browser: its page view belongs to the operation that has answered with it. */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import createFastify, { type FastifyInstance } from 'fastify'
import appInsightsPlugin from 'fastify-app-insights'
import { startEmulator } from 'fastify-app-insights/emulator'
import t from 'tap'
import { launch, missing } from '../fixtures/chromium'

const root = join(__dirname, '..', '..')
const CDN = 'https://js.monitor.azure.com/scripts/b/ai.3.gbl.min.js'

t.test('the guide\'s page joins its operation', { skip: missing() }, async t => {
  const emulator = await startEmulator()
  t.teardown(async () => await emulator.close())
  const guide = readFileSync(join(root, 'docs/dependencies.md'), 'utf8').replaceAll('\r\n', '\n')
  const code = [...guide.matchAll(/^```js\n([^]*?)^```/gm)].map(match => match[1]!).find(block => block.includes(CDN))!
  const body = `${code.split('\n').filter(line => !line.startsWith('import ')).join('\n').replace(CDN, '/ai.js')}\nreturn app`
  const env = { BROWSER_CONNECTION_STRING: emulator.connectionString }
  const plugin = async (app: FastifyInstance, options: object): Promise<void> => { await app.register(appInsightsPlugin, { connectionString: emulator.connectionString, ...options }) }
  // As a plugin of the root would be, without a context of its own.
  Object.assign(plugin, { [Symbol.for('skip-override')]: true })
  // eslint-disable-next-line no-new-func -- the guide's own text
  const app = new Function('createFastify', 'appInsightsPlugin', 'process', body)(createFastify, plugin, { env }) as FastifyInstance
  t.teardown(async () => await app.close())
  const script = readFileSync(join(root, 'node_modules/@microsoft/applicationinsights-web/dist/es5/applicationinsights-web.min.js'))
  app.get('/ai.js', { config: { appInsights: false } }, async (_request, reply) => reply.type('text/javascript').send(script))
  const url = await app.listen({ port: 0, host: '127.0.0.1' })

  const browser = await launch()
  t.teardown(async () => await browser.close())
  const page = await browser.newPage()
  // Whatever the script wants to know from elsewhere, it is not told.
  await page.route(address => address.hostname !== '127.0.0.1', async route => await route.abort())
  await page.goto(url)
  await app.appInsights.flush()
  const request = await emulator.waitFor({ type: 'request', name: 'GET /' })
  const view = await emulator.waitFor({ type: 'pageView' }, { timeout: 30_000 })
  t.equal(view.operation_Id, request.operation_Id)
})
