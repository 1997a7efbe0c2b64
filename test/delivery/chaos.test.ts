/** An endpoint that misbehaves at random and then recovers. The long form is `node bench/chaos.mjs`. */
import { join } from 'node:path'
import t from 'tap'
import { plainNode } from '../fixtures/plain-node'

t.jobs = 2

const forms: Record<string, string[]> = {
  'with a worker': ['--worker', '--seed', '1'],
  'in-process': ['--no-worker', '--seed', '2'],
  'with a worker, without a disk': ['--worker', '--no-disk', '--seed', '3'],
  'in-process, without a disk': ['--no-worker', '--no-disk', '--seed', '4']
}

for (const [form, options] of Object.entries(forms)) {
  t.test(`${form}: every row arrives, twice only if an answer was lost, all counts add up, and no file is left`, async t => {
    const ended = await plainNode([join(__dirname, '../../bench/chaos.mjs'), '--quick', '--seconds', '6', '--rate', '200', ...options])
    t.match(ended, { code: 0, stderr: '' })
    const { recorded, arrived, problems, behaviours } = JSON.parse(ended.stdout)
    t.same(problems, [])
    t.equal(arrived, recorded)
    t.ok(Object.keys(behaviours).length > 3, ended.stdout)
  })
}
