/** What a query may use on its way. */
import t from 'tap'
import { start } from './helpers'

t.test('memory is bounded', async t => {
  const emulator = await start(t)
  await t.rejects(emulator.query('range x from 1 to 1000000000 step 1 | count', { timeout: 60_000 }), { code: 'FAI_KQL_LIMIT', message: /rows/ })
  await t.rejects(emulator.query('print strrep("x", 100000000)'), { code: 'FAI_KQL_INVALID', message: /strrep/ })
  await t.rejects(emulator.query('print range(1, 1000000000)'), { code: 'FAI_KQL_INVALID', message: /range/ })
  t.strictSame((await emulator.query(`print ${'('.repeat(100)}1${')'.repeat(100)}`)).rows, [[1]])
  t.strictSame((await emulator.query('print 1')).rows, [[1]])
})
