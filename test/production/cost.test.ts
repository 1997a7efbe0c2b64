/** The table of costs in docs/production.md is what rows weigh. */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import type { RowType } from 'fastify-app-insights/emulator'
import t from 'tap'
import { start } from '../fixtures/start'

const guide = readFileSync(join(__dirname, '..', '..', 'docs', 'production.md'), 'utf8').replaceAll('\r\n', '\n')
const table = /<!-- cost -->\n([^]*?)<!-- \/cost -->/.exec(guide)![1]!.split('\n').slice(2).filter(line => line !== '')
  .map(line => line.split('|').map(cell => cell.trim())).map(([, what, bytes, money]) => ({ what: what!, bytes: Number(bytes!.replaceAll(',', '')), money: Number(money) }))

t.test('bytes and money of the table, within a fifth', async t => {
  const { app, emulator, send, flush } = await start(t, {
    options: { serviceName: 'shop' },
    routes: app => {
      app.get('/stock/:id', async () => 'ok')
      app.get('/orders/:id', async request => {
        await (await fetch(`http://127.0.0.1:${(app.server.address() as { port: number }).port}/stock/2`)).text()
        request.log.info({ bookId: '2' }, 'order read')
        throw new Error('bank did not answer')
      })
    }
  })
  await flush()
  emulator.clear()
  for (let i = 0; i < 10; i++) await send(`/orders/${i}`)
  await flush()
  const weights = (...types: RowType[]): number[] => emulator.items().filter(({ type, name }) => types.includes(type) && name !== 'GET /stock/:id').map(({ envelope }) => Buffer.byteLength(JSON.stringify(envelope)))
  const average = (all: number[]): number => all.reduce((sum, size) => sum + size, 0) / all.length
  const metrics = weights('metric', 'performanceCounter')
  const measured = new Map([
    ['a request', average(weights('request'))],
    ['a log line with one field', average(weights('trace'))],
    ['an outgoing call', average(weights('dependency'))],
    ['an exception', average(weights('exception'))],
    ['metrics of a process, each minute', average(metrics) * metrics.length]
  ])
  t.same(table.map(({ what }) => what), [...measured.keys()])
  for (const { what, bytes, money } of table) {
    t.ok(Math.abs(bytes / measured.get(what)! - 1) < 0.2, `${what}: ${bytes} in the guide, ${Math.round(measured.get(what)!)} measured`)
    t.equal(money, Number((bytes * 1e6 / 1e9 * 2.76).toFixed(2)), `${what}: the money is the bytes' of a million at 2.76 per GB`)
  }
  await app.close()
})
