/// <reference lib="dom" />
import { join } from 'node:path'
import t from 'tap'
import { launch, missing } from '../fixtures/chromium'
import { clean } from '../fixtures/page'
import { start } from '../fixtures/start'

t.test('the Live view shows what a server does, and servers post while it is open', { skip: missing() }, async t => {
  const { emulator, send } = await start(t, {
    options: { serviceName: 'shop' },
    routes: app => {
      app.get('/fine', async () => 'fine')
      app.get('/bad', async () => { throw new Error('<img src=x onerror="window.hacked=1">') })
    }
  })
  const browser = await launch()
  t.teardown(() => browser.close())
  const page = await browser.newPage({ viewport: { width: 1360, height: 900 } })
  const wrong: string[] = []
  page.on('pageerror', error => wrong.push(error.message))
  page.on('console', message => { if (message.type() === 'error' && !message.text().includes('404')) wrong.push(message.text()) })
  t.equal(emulator.live.isWatched, false)
  await page.goto(`${emulator.url}/#/live`)
  await page.getByRole('button', { name: /^shop / }).waitFor({ timeout: 60_000 })
  t.equal(emulator.live.isWatched, true)
  const load = setInterval(() => { send(Math.random() < 0.2 ? '/bad' : '/fine').catch(() => {}) }, 100)
  t.teardown(() => clearInterval(load))
  await page.waitForFunction(() => Number.parseFloat(document.querySelector('[data-live="Requests/Sec"]')?.textContent ?? '0') > 0)
  await page.getByRole('cell', { name: /^Error: <img/ }).first().waitFor()
  await clean(t, page, 'Live')

  await page.getByLabel('Field', { exact: true }).fill('Success')
  await page.getByLabel('Value', { exact: true }).fill('false')
  await page.getByRole('button', { name: 'Add filter' }).click()
  await page.locator('[data-live="filtered-Request"]').waitFor()
  t.match(emulator.live.configuration.filters, [{ telemetryType: 'Request', field: 'Success', predicate: 'Equal', comparand: 'false' }])
  await page.waitForFunction(() => Number.parseFloat(document.querySelector('[data-live="filtered-Request"]')?.textContent ?? '0') > 0)
  await clean(t, page, 'Live with a filter')
  await page.emulateMedia({ colorScheme: 'dark' })
  await clean(t, page, 'Live, dark')
  await page.emulateMedia({ colorScheme: 'light' })
  await page.setViewportSize({ width: 400, height: 800 })
  await clean(t, page, 'Live, narrow')
  await page.setViewportSize({ width: 1360, height: 900 })
  if (process.env.SCREENSHOTS) {
    await page.waitForTimeout(20_000)
    await page.screenshot({ path: join(process.env.SCREENSHOTS, 'live.png') })
  }
  await page.getByRole('button', { name: /^Request: Success Equal false/ }).click()
  await page.locator('[data-live="filtered-Request"]').waitFor({ state: 'detached' })
  t.equal(await page.evaluate('window.hacked'), undefined)
  t.strictSame(wrong, [])
  await page.goto('about:blank')
  const deadline = Date.now() + 30_000
  while (emulator.live.isWatched && Date.now() < deadline) await new Promise(resolve => setTimeout(resolve, 20))
  t.equal(emulator.live.isWatched, false, 'nobody watches when it is closed')
})
