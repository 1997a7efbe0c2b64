/// <reference lib="dom" />
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { gzipSync } from 'node:zlib'
import t, { type Test } from 'tap'
import type { Browser, BrowserContextOptions, Page } from 'playwright-core'
import { launch, missing } from '../fixtures/chromium'
import { dependency, envelope, exception, post, request, trace } from '../fixtures/envelopes'
import { clean, operation, scene } from '../fixtures/page'

const NARROW = { viewport: { width: 390, height: 800 } }

t.test('the page is small', async t => {
  const size = ['page.js', 'page.css', 'index.html', 'icon.svg'].reduce((sum, file) => sum + gzipSync(readFileSync(join(__dirname, '../../dist/emulator/page', file))).length, 0)
  t.ok(size < 250_000, `${size} bytes gzipped`)
})

t.test("the page's views", { skip: missing() }, async t => {
  const browser = await launch()
  t.teardown(() => browser.close())
  await threeClicks(t, browser)
  await views(t, browser)
  await times(t, browser)
})

/** In an operation or a service. */
function tagged (id: string, role = 'shop', parent?: string, more: object = {}) {
  return { 'ai.operation.id': id, 'ai.operation.name': 'GET /orders/:id', 'ai.cloud.role': role, ...(parent ? { 'ai.operation.parentId': parent } : {}), ...more }
}

/** What is in sight of the screen, and not merely in the document. */
async function inSight (page: Page, text: string): Promise<boolean> {
  return await page.getByText(text).first().evaluate(async element => {
    element.scrollIntoView({ block: 'nearest' })
    await new Promise(resolve => requestAnimationFrame(resolve))
    const { x, y, width, height } = element.getBoundingClientRect()
    const top = document.elementFromPoint(x + Math.min(width, 40) / 2, y + height / 2)
    return top !== null && (element.contains(top) || top.contains(element))
  })
}

async function threeClicks (t: Test, browser: Browser): Promise<void> {
  const screens: Array<[string, BrowserContextOptions]> = [['a wide screen', {}], ['a narrow screen', NARROW]]
  for (const [name, options] of screens) {
    await scene(t, browser, `three clicks lead from a failure to stack, log lines and outgoing call, on ${name}`, options, async ({ t, emulator, page }) => {
      await post(emulator.url, Array.from({ length: 30 }, (_, index) => trace(`noise ${index}`, {}, { tags: tagged(`other${index}`) })))
      await post(emulator.url, operation(Date.now(), 'op1'))
      await page.getByRole('link', { name: 'Failures' }).click()
      await page.getByRole('link', { name: /^TypeError/ }).click()
      await page.locator('.stack').getByText('at readUser').waitFor()
      t.ok(await inSight(page, '/srv/users.js:7:11'), 'two clicks: the stack')
      t.ok(await inSight(page, 'reading the order'), 'and beside it the log line')
      await page.getByRole('link', { name: 'View operation' }).click()
      await page.getByRole('grid', { name: 'Waterfall' }).waitFor()
      t.equal(await page.getByRole('complementary').count(), 0, 'nothing covers the operation')
      for (const what of ['TypeError', 'reading the order', 'stock.test']) t.ok(await inSight(page, what), `three clicks: ${what}`)
      t.ok(await page.evaluate(() => document.documentElement.scrollWidth <= document.documentElement.clientWidth), 'without sideways scrolling')
    })
  }
}

async function views (t: Test, browser: Browser): Promise<void> {
  await scene(t, browser, 'a search is a row of chips that can be edited and removed', { hash: `#/search?text=${encodeURIComponent('status:5xx duration>200 "GET /orders/:id"')}` }, async ({ t, emulator, page }) => {
    await post(emulator.url, operation(Date.now(), 'op1'))
    const rows = async (expected: number) => await page.waitForFunction(expected => document.querySelectorAll('.rows .line').length === expected, expected)
    await rows(1)
    const terms = page.getByRole('list', { name: 'What is asked for' })
    t.same(await terms.getByTitle('Edit').allTextContents(), ['status:5xx', 'duration>200', '"GET /orders/:id"'])
    await terms.getByRole('button', { name: 'duration>200', exact: true }).click()
    await page.keyboard.type('duration<200')
    await page.keyboard.press('Enter')
    await rows(2)
    await terms.getByRole('button', { name: 'Remove duration<200' }).click()
    await rows(3)
    t.equal(await page.getByLabel('Search everything').inputValue(), 'status:5xx "GET /orders/:id"')
    await page.getByLabel('Search everything').fill('tenant:acme OR type:event')
    await rows(2)
    await clean(t, page, 'search')
  })

  await scene(t, browser, 'failures are grouped by problem, tell 4xx from 5xx, and can be sorted', { hash: '#/failures' }, async ({ t, emulator, page }) => {
    const failure = (message: string, index: number, type = 'Error') => exception({ exceptions: [{ typeName: type, message, hasFullStack: true, stack: `${type}: ${message}\n    at placeOrder (/srv/orders.js:7:1)` }] }, { tags: tagged(`op${index}`, 'shop', undefined, { 'ai.user.id': `user${index % 2}` }) })
    await post(emulator.url, [
      ...[1, 2, 3].map(index => failure(`no shelf ${index}`, index)), ...Array.from({ length: 4 }, () => failure('no bank', 9)),
      request({ id: '1', responseCode: '404', success: false }), request({ id: '2', responseCode: '409', success: false }), request({ id: '3', responseCode: '500', success: false }), request({ id: '4' })
    ])
    await page.getByRole('link', { name: '2 Client errors (4xx)' }).waitFor()
    await page.getByRole('link', { name: '1 Server errors (5xx)' }).waitFor()
    const problems = page.getByRole('region', { name: 'Problems' })
    const first = async () => await problems.locator('tbody tr').first().textContent()
    t.equal(await problems.locator('tbody tr').count(), 2, 'what varies in a message makes no problem of its own')
    t.match(await first(), /no bank.*4/)
    await problems.getByRole('button', { name: 'Impact' }).click()
    t.match(await first(), /no shelf 3.*3/, 'three operations are hit harder than one')
    await problems.getByRole('button', { name: 'Last seen' }).click()
    await page.getByRole('group', { name: /^Requests over time/ }).focus()
    await page.keyboard.press('ArrowLeft')
    await page.locator('.tip').getByText('Client errors 2').waitFor()
    await clean(t, page, 'failures by problem')
    await problems.getByRole('link', { name: /no shelf/ }).click()
    await page.waitForFunction(() => document.querySelectorAll('.rows .line').length === 3)
  })

  await scene(t, browser, 'the map draws services, what they call and what fails, and leads to the rows', { hash: '#/map' }, async ({ t, emulator, page }) => {
    const services = Array.from({ length: 15 }, (_, index) => `service-${index}`)
    await post(emulator.url, services.flatMap((role, index) => [
      request({ id: `r${index}`, success: index !== 3, responseCode: index === 3 ? '500' : '200' }, { tags: tagged('op', role, index === 0 ? undefined : `d${index}`) }),
      ...[index * 2 + 1, index * 2 + 2].filter(callee => callee < 15).map(callee => dependency({ id: `d${callee}`, target: `service-${callee}.test`, success: callee !== 3, resultCode: '200' }, { tags: tagged('op', role) }))
    ]))
    await post(emulator.url, [dependency({ id: 'sql', name: 'SELECT orders', type: 'SQL', target: 'db | orders', success: true }, { tags: tagged('op', 'service-7') })])
    const map = page.getByRole('region', { name: 'Application map' })
    await map.getByRole('link', { name: /db \| orders, SQL: 1 calls, 0 % failed/ }).waitFor()
    t.equal(await map.locator('.node').count(), 16)
    t.equal(await map.locator('.arrow').count(), 15)
    t.equal(await map.locator('.arrow.failing').count(), 1)
    const boxes = await map.locator('.node > rect:first-of-type').evaluateAll(rects => rects.map(rect => { const { x, y, width, height } = rect.getBoundingClientRect(); return { x, y, width, height } }))
    t.notOk(boxes.some((a, at) => boxes.some((b, other) => at < other && a.x < b.x + b.width && b.x < a.x + a.width && a.y < b.y + b.height && b.y < a.y + a.height)), 'no two nodes overlap')
    await clean(t, page, 'map')
    await map.getByRole('link', { name: /^service-1 to service-3/ }).click()
    await page.getByRole('button', { name: 'target=service-3.test', exact: true }).waitFor()
    await page.waitForFunction(() => document.querySelectorAll('.rows .line').length === 1)
  })

  await scene(t, browser, 'metrics are charts with units, and not lines of the list', {}, async ({ t, emulator, page }) => {
    await post(emulator.url, [trace('hello'), envelope('MetricData', { metrics: [{ name: '\\Process(??APP_WIN32_PROC??)\\Private Bytes', value: 216_231_936, count: 1 }] }), envelope('MetricData', { metrics: [{ name: 'http.server.request.duration', value: 3, count: 20 }] })])
    await page.getByRole('gridcell', { name: 'hello' }).waitFor()
    t.equal(await page.locator('.rows .line').count(), 1)
    await page.getByRole('link', { name: '2 metric rows shown as charts' }).click()
    await page.getByText('216 MB', { exact: true }).waitFor()
    await page.getByText('150 ms', { exact: true }).first().waitFor()
    await clean(t, page, 'metrics')
    await page.getByRole('link', { name: '1 row' }).first().click()
    await page.getByRole('gridcell', { name: '216 MB' }).waitFor()
  })

  await scene(t, browser, 'an operation of 600 rows can be searched, filtered and folded', { hash: '#/operation?id=big' }, async ({ t, emulator, page }) => {
    await post(emulator.url, [
      request({ id: 'root', name: 'GET /orders/:id', duration: '00:00:01' }, { tags: tagged('big') }),
      ...Array.from({ length: 599 }, (_, index) => trace(`step ${index}`, { properties: { shelf: `shelf-${index}` } }, { tags: tagged('big', 'shop', 'root') }))
    ])
    await page.getByText('600 rows of 1 service').waitFor()
    t.ok(await page.locator('.waterfall .line').count() < 80, 'only what is in sight is drawn')
    await page.getByLabel('Find in this operation').fill('shelf:shelf-444')
    await page.getByText(/^1 match/).waitFor()
    await page.keyboard.press('Enter')
    await page.locator('.hit', { hasText: 'step 444' }).waitFor()
    await page.getByRole('button', { name: /^Requests/ }).click()
    await page.waitForFunction(() => document.querySelectorAll('.waterfall .line').length === 1)
    await page.getByRole('button', { name: /^Requests/ }).click()
    await page.getByRole('grid').evaluate(grid => { grid.scrollTop = 0 })
    await page.getByRole('button', { name: 'Fold 599 steps' }).click()
    await page.waitForFunction(() => document.querySelectorAll('.waterfall .line').length === 1)
    t.pass()
  })

  await scene(t, browser, 'log lines before any request are not flagged; help is a key away', {}, async ({ t, emulator, page }) => {
    await post(emulator.url, [trace('Server listening at http://127.0.0.1:3000', {}, { tags: { 'ai.cloud.role': 'shop' } })])
    await page.getByRole('gridcell', { name: 'Server listening' }).waitFor()
    t.equal(await page.locator('abbr').count(), 0)
    await page.keyboard.press('?')
    await page.getByRole('dialog', { name: 'Keys and search' }).waitFor()
    await clean(t, page, 'help')
    await page.keyboard.press('Escape')
    await page.getByRole('dialog').waitFor({ state: 'detached' })
    await page.keyboard.press('2')
    await page.getByRole('heading', { name: 'Failures' }).waitFor()
  })
}

async function times (t: Test, browser: Browser): Promise<void> {
  await scene(t, browser, 'time range and role hold in every view, and times are in one zone that can be switched', { timezoneId: 'Asia/Tokyo' }, async ({ t, emulator, page, go }) => {
    const at = (ago: number, role: string, name: string) => request({ id: name, name, success: false, responseCode: '500' }, { time: new Date(Date.now() - ago * 1_000).toISOString(), tags: tagged(`op-${name}`, role) })
    await post(emulator.url, [at(5, 'shop', 'GET /new'), at(7, 'stock', 'GET /stock'), at(1_800, 'shop', 'GET /old')])
    await page.getByRole('gridcell', { name: 'GET /old' }).waitFor()
    await page.getByLabel('Time', { exact: true }).selectOption('Last 10 minutes')
    await page.getByLabel('Role', { exact: true }).selectOption('shop')
    const main = page.getByRole('main')
    for (const view of ['Search', 'Failures', 'Performance']) {
      await page.getByRole('link', { name: view, exact: true }).click()
      await main.getByText('GET /new').first().waitFor()
      t.equal(await main.getByText(/GET \/(?:old|stock)/).count(), 0, view)
    }
    await page.getByRole('link', { name: 'Map', exact: true }).click()
    await main.getByRole('link', { name: /^shop, service: 1 calls/ }).waitFor()
    await go('#/search?row=1')
    await page.getByText(/Asia\/Tokyo$/).first().waitFor()
    await page.getByLabel('Time zone').selectOption('utc')
    await main.getByText(/UTC$/).first().waitFor()
    const shown = await page.locator('.line.chosen .time').textContent()
    t.ok(emulator.items()[0]!.timestamp.includes(shown!.split(' ').at(-1)!), 'the list as well')
  })

  await scene(t, browser, 'Performance compares before and after', { hash: '#/performance' }, async ({ t, emulator, page }) => {
    const at = (ago: number, ms: number) => request({ id: `${ago}`, duration: `00:00:00.${String(ms).padStart(3, '0')}0000` }, { time: new Date(Date.now() - ago * 1_000).toISOString() })
    await post(emulator.url, [...[900, 890, 880].map(ago => at(ago, 100)), ...[30, 20, 10].map(ago => at(ago, 250))])
    const row = page.getByRole('row', { name: /GET \/users\/:id/ })
    await row.waitFor()
    await page.getByLabel('Compare').selectOption('split')
    const moment = new Date(Date.now() - 300_000)
    await page.getByLabel('Before and after').fill(new Date(moment.getTime() - moment.getTimezoneOffset() * 60_000).toISOString().slice(0, 19))
    await row.getByText('+150 %, was 100 ms').first().waitFor()
    t.match(await row.textContent(), /250 ms.*was 100 ms/)
    await clean(t, page, 'comparison')
    await page.getByLabel('Time', { exact: true }).selectOption('Last 10 minutes')
    await page.getByLabel('Compare').selectOption('before')
    await page.getByText('was 3', { exact: true }).first().waitFor()
  })
}
