/// <reference lib="dom" />
import type { Browser } from 'playwright-core'
import t, { type Test } from 'tap'
import { launch, missing } from '../fixtures/chromium'
import { dependency, exception, post, request, trace } from '../fixtures/envelopes'
import { clean, operation, scene } from '../fixtures/page'

const HOSTILE = '<img src=x onerror="window.hacked=1"><script>window.hacked=1</script>"\'&{{7*7}}</textarea><svg onload=alert(1)>\u202egnp.exe'

t.test('the page', { skip: missing() }, async t => {
  const browser = await launch()
  t.teardown(() => browser.close())
  // One test at a time: windows share the machine.
  await views(t, browser)
})

async function views (t: Test, browser: Browser): Promise<void> {
  await scene(t, browser, 'says how to begin, and shows a row soon after it came', {}, async ({ t, emulator, page }) => {
    await page.getByText('Waiting for telemetry').waitFor()
    await page.getByText(`IngestionEndpoint=${emulator.url}`).waitFor()
    await clean(t, page, 'search empty')
    await post(emulator.url, [trace('hello from the app')])
    await page.getByRole('gridcell', { name: 'hello from the app' }).waitFor()
    await page.getByRole('button', { name: 'Pause' }).click()
    await post(emulator.url, [trace('while paused')])
    await page.getByText('1 new row while paused').waitFor()
    t.equal(await page.getByRole('gridcell', { name: 'while paused' }).count(), 0, 'a paused list stays as it is')
    await page.getByRole('button', { name: 'Resume' }).click()
    await page.getByRole('gridcell', { name: 'while paused' }).waitFor()
    await page.getByRole('button', { name: 'Clear', exact: true }).click()
    await page.getByRole('button', { name: 'Cancel' }).click()
    await page.getByRole('gridcell', { name: 'while paused' }).waitFor()
    await page.getByRole('button', { name: 'Clear', exact: true }).click()
    await page.getByRole('dialog').getByText('Delete 2 rows?').waitFor()
    await page.getByRole('button', { name: 'Delete 2 rows' }).click()
    await page.getByText('Waiting for telemetry').waitFor()
  })

  await scene(t, browser, 'filters by kind, failure, severity, role and text, and keeps them in the address', {}, async ({ t, emulator, page, go }) => {
    await post(emulator.url, [...operation(Date.now(), 'op1'), trace('all "good"', { severityLevel: 'Warning' })])
    const rows = page.getByRole('row')
    const count = async (expected: number, what: string) => {
      await page.waitForFunction(expected => document.querySelectorAll('.line').length === expected, expected)
      t.equal(await rows.count(), expected + 1, what)
    }
    await count(7, 'all')
    await page.getByRole('button', { name: /^Requests/ }).click()
    await count(2, 'by kind')
    await page.getByRole('button', { name: /^Traces/ }).click()
    await count(4, 'by two kinds')
    await go('#/search')
    await page.getByLabel('Failed only').check()
    await count(4, 'failed')
    await page.getByLabel('Role', { exact: true }).selectOption('stock')
    await count(2, 'failed, of a role')
    await page.reload()
    await count(2, 'the address keeps it')
    await go('#/search')
    await page.getByLabel('Severity').selectOption({ label: 'Warning and up' })
    await count(2, 'by severity')
    await go('#/search?within=60')
    await count(7, 'by time')
    await page.keyboard.press('/')
    await page.keyboard.type('ALL "good')
    await count(1, 'by text, in any case')
    await clean(t, page, 'search filtered')
    await page.getByLabel('Search everything').fill('nothing like it')
    await page.getByText('Nothing matches').waitFor()
    await page.getByRole('button', { name: 'Clear the filters' }).click()
    await count(7, 'and back')
  })

  await scene(t, browser, 'opens a row with its columns, copies it, and links to it', { permissions: ['clipboard-read', 'clipboard-write'] }, async ({ t, emulator, page, go }) => {
    await post(emulator.url, operation(Date.now(), 'op1'))
    await page.getByRole('gridcell', { name: 'reading the order' }).click()
    const detail = page.getByRole('complementary', { name: 'Row' })
    await detail.getByText('tenant', { exact: true }).waitFor()
    await detail.getByText('acme', { exact: true }).waitFor()
    await detail.getByText('operation_Name', { exact: true }).waitFor()
    await detail.getByRole('button', { name: 'Copy as JSON' }).click()
    await detail.getByText('Copied').waitFor()
    t.match(JSON.parse(await page.evaluate(async () => await navigator.clipboard.readText())), { type: 'trace', message: 'reading the order', customDimensions: { tenant: 'acme' } })
    await detail.getByRole('button', { name: 'Copy link' }).click()
    const link = await page.waitForFunction(async () => {
      const text = await navigator.clipboard.readText()
      return text.startsWith('http') ? text : undefined
    })
    await clean(t, page, 'row')
    await page.goto('about:blank')
    await page.goto(String(await link.jsonValue()))
    await detail.getByRole('heading', { name: 'reading the order' }).waitFor()
    await go('#/search?row=99')
    await page.getByText('not kept').waitFor()
  })

  await scene(t, browser, 'can be walked with the keyboard', {}, async ({ t, emulator, page }) => {
    await post(emulator.url, [trace('first'), trace('second'), trace('third')])
    await page.getByRole('gridcell', { name: 'third' }).waitFor()
    await page.getByRole('grid').focus()
    for (const name of ['third', 'second', 'first']) {
      await page.keyboard.press('ArrowDown')
      await page.getByRole('heading', { name }).waitFor()
    }
    await page.keyboard.press('Home')
    await page.getByRole('heading', { name: 'third' }).waitFor()
    await page.keyboard.press('Escape')
    await page.getByRole('complementary').waitFor({ state: 'detached' })
    t.pass()
  })

  await scene(t, browser, 'shows an operation end to end', {}, async ({ t, emulator, page }) => {
    await post(emulator.url, operation(Date.now(), 'op1'))
    await page.getByRole('gridcell', { name: 'reading the order' }).click()
    await page.getByRole('link', { name: 'View operation' }).click()
    await page.getByRole('heading', { name: 'GET /orders/:id' }).waitFor()
    await page.getByText('6 rows of 2 services').waitFor()
    const steps = await page.getByRole('grid', { name: 'Waterfall' }).getByRole('row').allTextContents()
    t.match(steps[1], /GET \/orders\/:id.*shop/)
    t.match(steps.find(step => step.includes('TypeError')), /stock/)
    const indent = await page.locator('.waterfall .line .what').evaluateAll(cells => cells.map(cell => parseInt((cell as HTMLElement).style.paddingLeft)))
    t.ok(Math.max(...indent) >= 48, 'what was called stands under its caller')
    await clean(t, page, 'operation')
    await post(emulator.url, [trace('a late line', {}, { tags: { 'ai.operation.id': 'op1', 'ai.operation.parentId': 'op1a' } })])
    await page.getByText('a late line').waitFor()
  })

  await scene(t, browser, 'sums up performance and failures, and leads to examples', { hash: '#/performance' }, async ({ t, emulator, page, go }) => {
    await page.getByText('Nothing yet').waitFor()
    for (let index = 0; index < 20; index++) await post(emulator.url, operation(Date.now() - index * 1_000, `op${index}`))
    await page.getByRole('row', { name: /GET \/orders\/:id shop.* 20 20 320 ms 320 ms 320 ms/ }).waitFor()
    await clean(t, page, 'performance')
    await page.getByRole('link', { name: 'last failed' }).first().click()
    await page.getByRole('complementary', { name: 'Row' }).getByText('resultCode').waitFor()
    await go('#/failures')
    await page.getByText('40 of 40 requests failed').waitFor()
    await clean(t, page, 'failures')
    await page.getByRole('link', { name: /TypeError/ }).click()
    await page.getByRole('button', { name: 'exceptionType=TypeError', exact: true }).waitFor()
    await page.getByText('readUser').first().waitFor()
  })

  await scene(t, browser, 'flags what Azure would not take as it is', { hash: '#/health' }, async ({ t, emulator, page, go }) => {
    await page.getByText('All is well').waitFor()
    await post(emulator.url, [
      trace('x', { properties: { long: 'x'.repeat(9_000) } }),
      request({}, { sampleRate: 25 }),
      trace('old', {}, { time: '2020-01-01T00:00:00Z' }),
      { hello: 'world' }
    ])
    for (const text of ['the custom dimension long is longer than 8,192 characters', 'its itemCount is over 1', 'more than 48 hours in the past', "Field 'name' on type 'Envelope'"]) await page.getByText(text).waitFor()
    await clean(t, page, 'health')
    await page.getByRole('link', { name: /custom dimension long/ }).click()
    await page.getByText('flagged: truncated').waitFor()
    await go('#/search')
  })

  await scene(t, browser, 'hostile text shows as text in every view', {}, async ({ t, emulator, page, go }) => {
    const tags = { 'ai.operation.id': HOSTILE, 'ai.operation.name': HOSTILE, 'ai.cloud.role': HOSTILE, '<b>': HOSTILE }
    await post(emulator.url, [
      request({ id: HOSTILE, name: HOSTILE, url: `javascript:${HOSTILE}`, responseCode: HOSTILE, success: false, properties: { [HOSTILE]: HOSTILE } }, { tags }),
      trace(HOSTILE, { properties: { [HOSTILE]: 'x'.repeat(9_000) } }, { tags }),
      exception({ exceptions: [{ typeName: HOSTILE, message: HOSTILE, stack: HOSTILE }] }, { tags }),
      dependency({ name: HOSTILE, target: HOSTILE, resultCode: HOSTILE }, { tags })
    ])
    const id = encodeURIComponent(HOSTILE)
    for (const hash of ['#/search?row=1', '#/search?row=3', `#/search?text=${id}&role=${id}&name=${id}`, `#/operation?id=${id}&row=2`, '#/performance', '#/failures', '#/map', '#/health']) {
      await go(hash)
      await page.waitForFunction(() => document.querySelector('#main')?.textContent?.includes('<img src=x'))
      t.equal(await page.evaluate(() => document.querySelectorAll('#app img:not([src="/icon.svg"]), #app script, #main svg:not(.chart-svg), #app textarea, #app a[href^="javascript"]').length), 0, hash.slice(0, 20))
    }
    t.equal(await page.evaluate(() => (globalThis as unknown as { hacked?: number }).hacked), undefined)
  })

  await scene(t, browser, 'a message that turns its text around leaves what is beside it alone', {}, async ({ t, emulator, page, go }) => {
    const tags = { 'ai.operation.id': 'turned', 'ai.operation.name': 'GET /orders', 'ai.cloud.role': 'shop' }
    await post(emulator.url, [trace('\u202eturned', {}, { tags }), exception({ exceptions: [{ typeName: '\u202eTurned', message: 'no money', stack: 'at pay' }] }, { tags })])
    for (const [hash, text] of [['#/search', 'GET /orders'], ['#/operation?id=turned', 'GET /orders'], ['#/search', 'no money'], ['#/failures', 'no money']] as const) {
      await go(hash)
      const beside = page.locator('#main').getByText(text, { exact: true }).last()
      await beside.waitFor()
      t.ok(await beside.evaluate(element => {
        const node = document.createTreeWalker(element, NodeFilter.SHOW_TEXT).nextNode() as Text
        const [first, last] = [0, node.length - 1].map(at => {
          const range = document.createRange()
          range.setStart(node, at)
          range.setEnd(node, at + 1)
          return range.getBoundingClientRect().left
        })
        return first! < last!
      }), `${text} in ${hash}`)
    }
  })

  await scene(t, browser, 'dark and narrow are as readable', { colorScheme: 'dark', viewport: { width: 400, height: 760 } }, async ({ t, emulator, page, go }) => {
    await post(emulator.url, operation(Date.now(), 'op1'))
    await page.getByRole('gridcell', { name: 'reading the order' }).waitFor()
    const background = await page.evaluate(() => getComputedStyle(document.body).backgroundColor)
    t.equal(background, 'rgb(20, 20, 20)')
    for (const [hash, what] of [['#/search', 'narrow search'], ['#/search?row=3', 'narrow row'], ['#/operation?id=op1', 'narrow operation'], ['#/performance', 'narrow performance'], ['#/failures', 'narrow failures'], ['#/health', 'narrow health']]) {
      await go(hash)
      await page.waitForFunction(() => /GET|kept/.test(document.querySelector('#main')?.textContent ?? ''))
      t.ok(await page.evaluate(() => document.documentElement.scrollWidth <= document.documentElement.clientWidth), `${what} needs no sideways scrolling`)
      await clean(t, page, `${what} dark`)
    }
    await page.getByText('More', { exact: true }).click()
    await page.getByRole('button', { name: /^Colours/ }).click()
    await page.waitForFunction(() => getComputedStyle(document.body).backgroundColor === 'rgb(250, 249, 248)')
    t.pass('and can be switched to light')
  })

  await scene(t, browser, 'a hundred thousand rows scroll and filter with a few in the document', {}, async ({ t, emulator, page }) => {
    for (let batch = 0; batch < 20; batch++) await post(emulator.url, Array.from({ length: 5_000 }, (_, index) => trace(`line ${batch * 5_000 + index}`)), { gzip: true })
    await page.getByText('100,000 rows').first().waitFor()
    await page.getByRole('gridcell', { name: 'line 99999 GET /users/:id', exact: true }).waitFor()
    await page.getByRole('grid').focus()
    await page.keyboard.press('End')
    await page.getByRole('gridcell', { name: 'line 0 GET /users/:id', exact: true }).waitFor()
    t.ok(await page.locator('.line').count() < 80)
    await page.getByLabel('Search everything').fill('line 77777')
    await page.getByRole('gridcell', { name: 'line 77777 GET /users/:id', exact: true }).waitFor()
  })

  await scene(t, browser, 'rows go out to a file and come back', {}, async ({ t, emulator, page }) => {
    await post(emulator.url, operation(Date.now(), 'op1'))
    await page.getByRole('gridcell', { name: 'reading the order' }).waitFor()
    await page.getByText('More', { exact: true }).click()
    const [download] = await Promise.all([page.waitForEvent('download'), page.getByRole('link', { name: 'Export' }).click()])
    const file = await download.path()
    await page.getByRole('button', { name: 'Clear', exact: true }).click()
    await page.getByRole('button', { name: 'Delete 6 rows' }).click()
    await page.getByText('Waiting for telemetry').waitFor()
    await page.getByText('More', { exact: true }).click()
    await page.getByLabel('File to import').setInputFiles(file)
    await page.getByText('6 rows imported').waitFor()
    await page.getByRole('gridcell', { name: 'reading the order' }).waitFor()
    t.equal(emulator.items().length, 6)
  })
}
