/// <reference lib="dom" />
/** Windows and people that a page easily forgets: a high zoom, a keyboard, forced colours, paper, a browser that keeps nothing. */
import { startEmulator } from 'fastify-app-insights/emulator'
import type { Browser } from 'playwright-core'
import t, { type Test } from 'tap'
import { launch, missing } from '../fixtures/chromium'
import { post, trace } from '../fixtures/envelopes'
import { clean, operation, scene } from '../fixtures/page'

t.test('the page', { skip: missing() }, async t => {
  const browser = await launch()
  t.teardown(() => browser.close())
  await windows(t, browser)
  await keyboard(t, browser)
  await browsers(t, browser)
})

async function windows (t: Test, browser: Browser): Promise<void> {
  await scene(t, browser, 'at a zoom of 400 % the rows can still be read', { viewport: { width: 320, height: 256 } }, async ({ t, emulator, page, go }) => {
    await post(emulator.url, operation(Date.now(), 'op1'))
    for (const hash of ['#/search', '#/operation?id=op1']) {
      await go(hash)
      const line = page.locator('.line').first()
      await line.waitFor()
      t.ok(await page.locator('.grid').evaluate(grid => grid.clientHeight >= 150), hash)
      await line.scrollIntoViewIfNeeded()
      await line.click()
      await page.getByRole('complementary', { name: 'Row' }).getByText('cloud_RoleName').scrollIntoViewIfNeeded()
    }
    for (const view of ['search', 'failures', 'performance', 'map', 'metrics', 'live', 'logs', 'health']) {
      await go(`#/${view}`)
      await page.locator('#main').waitFor()
      t.equal(await page.evaluate(() => document.documentElement.scrollWidth - innerWidth), 0, `${view} scrolls in one direction only`)
    }
    await clean(t, page, 'a zoom of 400 %')
  })

  await scene(t, browser, 'forced colours show bars, the chosen row and pressed buttons', { forcedColors: 'active' }, async ({ t, emulator, page, go }) => {
    await post(emulator.url, operation(Date.now(), 'op1'))
    await go('#/operation?id=op1&kinds=request&row=1')
    await page.locator('.bar').first().waitFor()
    const background = async (selector: string): Promise<string> => await page.locator(selector).first().evaluate(element => getComputedStyle(element).backgroundColor)
    const ground = await background('body')
    t.not(await background('.bar'), ground)
    t.not(await background('.chip[aria-pressed="true"]'), await background('.chip[aria-pressed="false"]'))
    await go('#/operation?id=op1&row=1')
    t.equal(await page.locator('.line.chosen').evaluate(line => getComputedStyle(line).outlineStyle), 'solid')
  })

  await scene(t, browser, 'on paper, an answer is not cut at the window', {}, async ({ t, page, go }) => {
    await go(`#/logs?q=${encodeURIComponent('range x from 1 to 100 step 1')}`)
    await page.locator('.answer').waitFor({ timeout: 60_000 })
    await page.emulateMedia({ media: 'print' })
    t.ok(await page.evaluate(() => document.documentElement.scrollHeight > 2_000))
    t.equal(await page.getByRole('button', { name: 'Run' }).isVisible(), false)
  })
}

async function keyboard (t: Test, browser: Browser): Promise<void> {
  await scene(t, browser, 'closing a row leads back to the list, at the same place', {}, async ({ t, emulator, page }) => {
    await post(emulator.url, ['first', 'second', 'third', 'fourth'].map(text => trace(text)))
    const grid = page.getByRole('grid')
    await page.getByRole('gridcell', { name: 'fourth' }).waitFor()
    for (const close of [async () => await page.keyboard.press('Enter'), async () => await page.keyboard.press('Escape')]) {
      await grid.focus()
      await page.keyboard.press('Home')
      await page.keyboard.press('ArrowDown')
      await page.getByRole('heading', { name: 'third' }).waitFor()
      await page.getByRole('button', { name: 'Close' }).focus()
      await close()
      await page.getByRole('complementary').waitFor({ state: 'detached' })
      await page.waitForFunction(() => document.activeElement?.getAttribute('role') === 'grid')
      await page.keyboard.press('ArrowDown')
      await page.getByRole('heading', { name: 'second' }).waitFor()
    }
    t.pass()
  })

  await scene(t, browser, 'the keyboard reaches the last of many rows at once, and goes on from there', {}, async ({ t, emulator, page }) => {
    await post(emulator.url, Array.from({ length: 6_000 }, (_, index) => trace(`row ${index}`)))
    await page.getByRole('gridcell', { name: 'row 5999' }).waitFor()
    await page.getByRole('grid').focus()
    await page.keyboard.press('End')
    await page.getByRole('heading', { name: 'row 0', exact: true }).waitFor()
    t.match(await page.locator('.line.chosen').textContent(), /row 0/)
    t.equal(await page.getByRole('grid').getAttribute('aria-activedescendant'), 'line-5999')
    await page.keyboard.press('ArrowUp')
    await page.getByRole('heading', { name: 'row 1', exact: true }).waitFor()
  })

  await scene(t, browser, 'every view has a title, and gets the focus that left with the one before', {}, async ({ t, emulator, page }) => {
    await post(emulator.url, operation(Date.now(), 'op1'))
    await page.getByRole('gridcell', { name: 'reading the order' }).click()
    t.match(await page.title(), /^Search · /)
    await page.getByRole('link', { name: 'View operation' }).press('Enter')
    await page.getByRole('heading', { name: 'GET /orders/:id' }).waitFor()
    t.match(await page.title(), /^Operation · /)
    t.equal(await page.evaluate(() => document.activeElement?.id), 'main')
    t.equal(await page.getByRole('main', { name: 'Operation' }).count(), 1)
    await page.keyboard.press('2')
    await page.getByRole('main', { name: 'Failures' }).waitFor()
    t.match(await page.title(), /^Failures · /)
  })

  await scene(t, browser, 'a row of an answer opens with the keyboard, and its values are in sight', {}, async ({ t, emulator, page, go }) => {
    await post(emulator.url, operation(Date.now(), 'op1'))
    await go(`#/logs?q=${encodeURIComponent('requests | take 3')}`)
    const whole = page.getByRole('button', { name: 'Whole row' }).first()
    await whole.waitFor({ timeout: 60_000 })
    await whole.press('Enter')
    const value = page.locator('.whole-row dd').first()
    await value.waitFor()
    t.ok(await value.evaluate(element => element.getBoundingClientRect().right <= innerWidth), 'however many columns there are')
    await clean(t, page, 'a row of an answer')
    await page.getByRole('button', { name: 'Close the row' }).press('Enter')
    await value.waitFor({ state: 'detached' })
  })
}

async function browsers (t: Test, browser: Browser): Promise<void> {
  await scene(t, browser, 'works in a browser that keeps nothing', {}, async ({ t, emulator, page }) => {
    await page.addInitScript(() => {
      Object.defineProperty(globalThis, 'localStorage', { get () { throw new DOMException('denied', 'SecurityError') } })
    })
    await page.reload()
    await page.getByLabel('Time zone').selectOption('utc')
    await page.getByText('More', { exact: true }).click()
    await page.getByRole('button', { name: 'Colours: as the system' }).click()
    t.equal(await page.evaluate(() => document.documentElement.dataset.theme), 'light')
    await post(emulator.url, [trace('hello')])
    await page.getByRole('gridcell', { name: 'hello' }).waitFor()
    await page.getByRole('link', { name: 'Logs' }).click()
    await page.getByText('History', { exact: true }).click()
    await page.getByText('Queries that you run show up here.').waitFor()
  })

  await t.test('shows the rows of an emulator that was restarted under it', async t => {
    const first = await startEmulator()
    const port = Number(new URL(first.url).port)
    await post(first.url, Array.from({ length: 20 }, (_, index) => trace(`old ${index}`)), { headers: { connection: 'close' } })
    const page = await browser.newPage()
    t.teardown(() => page.close())
    await page.goto(first.url)
    await page.getByRole('gridcell', { name: 'old 19' }).waitFor()
    await first.close()
    const second = await startEmulator({ port })
    t.teardown(() => second.close())
    // Before the page is back.
    await post(second.url, [trace('new')])
    await page.getByRole('gridcell', { name: /^new/ }).waitFor()
    await page.getByRole('gridcell', { name: /^old/ }).first().waitFor({ state: 'detached' })
    t.equal(await page.locator('.line').count(), 1)
  })
}
