/// <reference lib="dom" />
import t, { type Test } from 'tap'
import type { Browser } from 'playwright-core'
import { launch, missing } from '../fixtures/chromium'
import { dependency, envelope, exception, post, request, trace } from '../fixtures/envelopes'
import { clean, operation, scene } from '../fixtures/page'

t.test('Logs', { skip: missing() }, async t => {
  const browser = await launch()
  t.teardown(() => browser.close())
  await logs(t, browser)
})

/** The parser is loaded with the first query, on a machine that may be busy. */
const FIRST = { timeout: 60_000 }

async function logs (t: Test, browser: Browser): Promise<void> {
  await scene(t, browser, 'suggests, marks what is wrong, runs, and remembers', { hash: '#/logs', permissions: ['clipboard-read', 'clipboard-write'] }, async ({ t, emulator, page, go }) => {
    await post(emulator.url, [...operation(Date.now(), 'op1'), ...Array.from({ length: 5 }, (_, index) => request({ id: `${index}`, name: 'GET /books', duration: '00:00:00.0500000' }))])
    await emulator.query('print 1')
    const query = page.getByLabel('Query')
    await query.click()
    await page.keyboard.type('requests\n| where dur')
    await page.getByRole('option', { name: /^duration/ }).waitFor(FIRST)
    await page.keyboard.press('Tab')
    t.equal((await query.inputValue()).trim(), 'requests\n| where duration')
    await page.keyboard.type('> 100 | project nam, dura')
    await page.keyboard.press('Escape')
    await page.locator('.wrong').getByText('nam', { exact: true }).waitFor()
    await page.getByText(/^Line 2: .*'nam'/).waitFor()
    await clean(t, page, 'logs with an error')
    await query.fill('requests | where duration > 100 | project name, duration, operation_Id | order by duration desc')
    await page.keyboard.press('Shift+Enter')
    await page.getByText('2 rows in').waitFor(FIRST)
    t.same(await page.locator('.answer tbody tr').first().locator('td').allTextContents(), ['GET /orders/:id', '320', 'op1…'])
    await page.getByRole('button', { name: 'duration' }).click()
    t.match(await page.locator('.answer tbody tr').first().textContent(), /140/, 'columns sort')
    await page.getByRole('button', { name: 'Copy link' }).click()
    await page.getByText('Copied').waitFor()
    const link = await page.evaluate(async () => await navigator.clipboard.readText())
    await query.fill('requests | where nope > 1')
    await page.getByRole('button', { name: 'Run' }).click()
    await page.getByText(/^Line 1: .*'nope'/).waitFor()
    t.equal(await page.locator('.wrong').textContent(), 'nope', 'the error stands at its place')
    await page.goto('about:blank')
    await page.goto(link)
    await page.getByText('2 rows in').waitFor()
    await page.getByText('History').click()
    await page.getByRole('button', { name: 'requests | where nope > 1' }).waitFor()
    await page.getByRole('link', { name: 'op1…' }).first().click()
    await page.getByRole('grid', { name: 'Waterfall' }).waitFor()
    await go('#/logs')
    t.match(await query.inputValue(), /order by duration/, 'the last query is still there')
  })

  await scene(t, browser, 'draws time, columns, bars and pies, and says what it cannot', { hash: '#/logs' }, async ({ t, emulator, page, go }) => {
    const at = (ago: number) => ({ time: new Date(Date.now() - ago * 1_000).toISOString() })
    await post(emulator.url, Array.from({ length: 40 }, (_, index) => request({ id: `${index}`, name: `GET /${index % 4}`, resultCode: '200', responseCode: index % 5 ? '200' : '500' }, at(index * 10))))
    await emulator.query('print 1')
    const show = async (query: string) => {
      await Promise.all([page.waitForResponse(/api\/query\?/, FIRST), go(`#/logs?q=${encodeURIComponent(query)}`)])
      await page.getByText(/rows? in \d/).waitFor(FIRST)
    }
    await show('requests | summarize requests = count(), p95 = percentile(duration, 95) by bin(timestamp, 1m) | render timechart')
    t.equal(await page.locator('.results path.stroke').count(), 2)
    await clean(t, page, 'logs')
    await show('requests | summarize count() by bin(timestamp, 1m), resultCode | render columnchart with (kind=stacked, title="By code")')
    await page.getByRole('heading', { name: 'By code' }).waitFor()
    t.same(await page.locator('.results .legend li').allTextContents(), ['200', '500'])
    await show('requests | summarize count() by name | render barchart')
    t.equal(await page.locator('.lying li').count(), 4)
    await clean(t, page, 'logs with bars')
    await show('requests | summarize count() by name | render piechart')
    t.equal(await page.locator('.pie path').count(), 4)
    await clean(t, page, 'logs with a pie')
    await show('requests | make-series n = count() on timestamp step 1m by resultCode | render timechart')
    t.equal(await page.locator('.results path.stroke').count(), 2, 'series come as arrays')
    await show('requests | summarize count() by name | render columnchart')
    t.equal(await page.locator('.results svg rect.fill').count(), 4)
    await page.getByRole('button', { name: 'Table' }).click()
    t.equal(await page.locator('.answer tbody tr').count(), 4)
    await show('requests | take 3 | render scatterchart')
    await page.getByText("The emulator doesn't draw scatterchart").waitFor()
    await show('requests | summarize avg(duration) | render card')
    await page.getByText("The emulator doesn't draw card").waitFor()
    await show('requests | where name == "<img src=x onerror=alert(1)>"')
    await page.getByText('The query ran and found nothing.').waitFor()
  })

  await scene(t, browser, 'has examples for the rows there are, and obeys role and time', { hash: '#/logs', viewport: { width: 390, height: 800 }, colorScheme: 'dark' }, async ({ t, emulator, page }) => {
    await page.getByText('Examples show up here as soon as there are rows.').waitFor()
    await post(emulator.url, [exception(), trace('stock is low', { severityLevel: 'Warning', properties: { bookId: '7' } }), trace('elsewhere', {}, { tags: { 'ai.cloud.role': 'stock' } })])
    const examples = page.locator('.examples-box button')
    await page.getByRole('button', { name: 'Exceptions by problem' }).waitFor()
    t.notOk((await examples.allTextContents()).includes('Slowest operations'), 'there are no requests')
    await post(emulator.url, [request(), dependency(), envelope('EventData', { name: 'OrderPlaced' }), envelope('MetricData', { metrics: [{ name: 'queue.length', value: 3, count: 1 }] })])
    await page.getByRole('button', { name: 'The metric queue.length' }).waitFor()
    t.equal(await examples.count(), 12)
    await emulator.query('print 1')
    for (const name of await examples.allTextContents()) {
      if (!await page.locator('.examples-box').evaluate(box => (box as HTMLDetailsElement).open)) await page.getByText('Examples', { exact: true }).click()
      t.comment(name)
      await Promise.all([page.waitForResponse(/api\/query\?/, FIRST), page.getByRole('button', { name, exact: true }).click()])
      await page.getByText(/[1-9]\d* rows? in \d/).waitFor(FIRST)
      await page.locator('.answer, .results .wide').first().waitFor()
      t.pass(name)
    }
    await page.getByLabel('Query').fill('traces | project message')
    await page.getByRole('button', { name: 'Run' }).click()
    await page.getByRole('cell', { name: 'elsewhere' }).waitFor()
    await page.getByLabel('Role', { exact: true }).selectOption('stock')
    await page.getByText('1 row in').waitFor()
    t.same(await page.locator('.answer td').allTextContents(), ['elsewhere'])
    t.ok(await page.evaluate(() => document.documentElement.scrollWidth <= document.documentElement.clientWidth), 'no sideways scrolling')
    await clean(t, page, 'logs narrow dark')
  })
}
