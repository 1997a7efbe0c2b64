import { join } from 'node:path'
import t from 'tap'
import { plainNode } from './fixtures/plain-node'

const PAIRS = 3

interface Measured { nanoseconds: number, quick: Array<boolean | null> }

async function run (flags: string[], fixture: string, ...args: string[]): Promise<unknown> {
  const { stdout } = await plainNode([...flags, join(__dirname, 'fixtures', fixture), ...args])
  return JSON.parse(stdout)
}

async function measure (how: 'with' | 'without'): Promise<Measured> {
  return await run(['--expose-gc', '--allow-natives-syntax'], 'next-tick.cjs', how) as Measured
}

t.test('v8', async t => {
  const [bare, ours]: [number[], number[]] = [[], []]
  const quick = new Set<string>()
  for (let pair = 0; pair < PAIRS; pair++) {
    bare.push((await measure('without')).nanoseconds)
    const measured = await measure('with')
    ours.push(measured.nanoseconds)
    quick.add(measured.quick.join())
  }
  await t.test('v8: process.nextTick stays fast after full garbage collections, as it does not by itself', async t => {
    // Noise only makes a process slower, never faster.
    const ratio = Math.min(...ours) / Math.min(...bare)
    t.ok(ratio < 0.75, `${ratio.toFixed(2)} times what it takes without the plugin`)
  })
  await t.test('v8: the exports of OpenTelemetry\'s packages are ordinary properties', async t => {
    t.same([...quick], ['true,true,true'])
  })
})

t.test('v8: a nextTick that the app has replaced is left alone', async t => {
  t.same(await run([], 'replaced-next-tick.cjs'), { statusCode: 200, lost: [] })
})
