/** A text recorded by an instrumentation doesn't wait for its error forever. */
import { trace, INVALID_SPAN_CONTEXT } from '@opentelemetry/api'
import t from 'tap'
import { createRecordedTexts } from '../../dist/exceptions/recorded.js'
import type { Operation } from '../../dist/tracing/operation.js'

const span = trace.wrapSpanContext(INVALID_SPAN_CONTEXT)

t.test('within an operation that continues, and outside any operation', async t => {
  for (const operation of [{} as Operation, undefined]) {
    const texts = createRecordedTexts({ outside: 20, within: 20 })
    const reported: string[] = []
    texts.buffer(span, 'alone', operation, () => { reported.push('alone') })
    texts.buffer(span, 'told', operation, () => { reported.push('told') })
    t.strictSame(reported, [], 'not at once')
    texts.release(new Error('told'), operation)
    await new Promise(resolve => setTimeout(resolve, 100))
    t.strictSame(reported, ['alone'])
    if (operation !== undefined) texts.settle(operation, () => false)
    texts.drain()
    t.strictSame(reported, ['alone'], 'once')
  }
})

t.test('at most a hundred wait', async t => {
  for (const operation of [{} as Operation, undefined]) {
    const texts = createRecordedTexts()
    let reported = 0
    for (let i = 0; i < 250; i++) texts.buffer(span, `text ${i}`, operation, () => { reported++ })
    t.ok(reported >= 150, `${reported} are reported`)
    if (operation !== undefined) texts.settle(operation, () => false)
    texts.drain()
    t.equal(reported, 250)
  }
})
