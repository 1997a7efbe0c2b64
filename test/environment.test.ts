import t from 'tap'
import { readOptions } from '../dist/options/index.js'
import { start } from './fixtures/start'

const CONNECTION = { APPLICATIONINSIGHTS_CONNECTION_STRING: 'InstrumentationKey=00000000-0000-0000-0000-000000000000' }

const SAMPLERS: Array<[sampler: string, argument: string | undefined, expected: object]> = [
  ['', undefined, { samplingRatio: 1, tracesPerSecond: undefined, followCaller: false }],
  ['always_on', undefined, { samplingRatio: 1, followCaller: false }],
  ['always_off', undefined, { samplingRatio: 0, followCaller: false }],
  ['traceidratio', '0.25', { samplingRatio: 0.25, followCaller: false }],
  ['trace_id_ratio', '0.25', { samplingRatio: 0.25 }],
  [' TraceIdRatio ', '0', { samplingRatio: 0 }],
  ['parentbased_always_on', undefined, { samplingRatio: 1, followCaller: true }],
  ['parentbased_always_off', undefined, { samplingRatio: 0, followCaller: true }],
  ['parentbased_traceidratio', '0.1', { samplingRatio: 0.1, followCaller: true }],
  ['parentbased_trace_id_ratio', '0.1', { samplingRatio: 0.1, followCaller: true }],
  ['microsoft.fixed_percentage', '0.5', { samplingRatio: 0.5, followCaller: false }],
  ['microsoft.rate_limited', '2.5', { tracesPerSecond: 2.5, followCaller: false }]
]

t.test('OTEL_TRACES_SAMPLER', async t => {
  for (const [OTEL_TRACES_SAMPLER, OTEL_TRACES_SAMPLER_ARG, expected] of SAMPLERS) {
    t.match(readOptions({}, { ...CONNECTION, OTEL_TRACES_SAMPLER, OTEL_TRACES_SAMPLER_ARG }, () => {}), expected, `${OTEL_TRACES_SAMPLER} ${OTEL_TRACES_SAMPLER_ARG ?? ''}`)
  }
})

t.test('invalid values are reported and ignored', async t => {
  const told: string[] = []
  const listen = (warning: Error): void => { told.push(warning.message) }
  process.on('warning', listen)
  t.teardown(() => process.off('warning', listen))
  for (const [OTEL_TRACES_SAMPLER, OTEL_TRACES_SAMPLER_ARG] of [['xray', ''], ['parentbased_xray', ''], ['parentbased_microsoft.rate_limited', '1'], ['traceidratio', '2'], ['traceidratio', 'many'], ['traceidratio', '']] as const) {
    t.match(readOptions({}, { ...CONNECTION, OTEL_TRACES_SAMPLER, OTEL_TRACES_SAMPLER_ARG }, () => {}), { samplingRatio: 1, followCaller: false })
  }
  await new Promise(resolve => setImmediate(resolve))
  t.equal(told.length, 6)
  t.match(told[0], /OTEL_TRACES_SAMPLER must be/)
  t.match(told.at(-1), /OTEL_TRACES_SAMPLER_ARG must be a number from 0 to 1/)
})

t.test('options override the environment', async t => {
  const env = { ...CONNECTION, OTEL_TRACES_SAMPLER: 'parentbased_always_off', OTEL_SDK_DISABLED: 'true' }
  t.equal(readOptions({}, env, () => {}), undefined)
  t.equal(readOptions({ enabled: false }, CONNECTION, () => {}), undefined)
  t.match(readOptions({ enabled: true, samplingRatio: 0.5 }, env, () => {}), { samplingRatio: 0.5, followCaller: false })
  t.match(readOptions({ enabled: true, tracesPerSecond: 3 }, env, () => {}), { tracesPerSecond: 3, followCaller: false })
  t.match(readOptions({ enabled: true }, env, () => {}), { samplingRatio: 0, followCaller: true })
  t.ok(readOptions({}, { ...CONNECTION, OTEL_SDK_DISABLED: 'false' }, () => {}))
})

t.test('a parentbased sampler follows the caller, and counts its own decisions', async t => {
  Object.assign(process.env, { OTEL_TRACES_SAMPLER: 'parentbased_traceidratio', OTEL_TRACES_SAMPLER_ARG: '0.25', OTEL_RESOURCE_ATTRIBUTES: 'service.name=from-the-environment' })
  t.teardown(() => { for (const name of ['OTEL_TRACES_SAMPLER', 'OTEL_TRACES_SAMPLER_ARG', 'OTEL_RESOURCE_ATTRIBUTES']) delete process.env[name] })
  const { app, emulator } = await start(t, { options: { metrics: false }, routes: app => { app.get('/', async () => {}) } })
  const [kept, left] = ['1'.repeat(32), '2'.repeat(32)]
  for (let n = 0; n < 10; n++) await app.inject({ url: '/', headers: { traceparent: `00-${kept}-b7ad6b7169203331-01` } })
  for (let n = 0; n < 10; n++) await app.inject({ url: '/', headers: { traceparent: `00-${left}-b7ad6b7169203331-00` } })
  for (let n = 0; n < 100; n++) await app.inject('/')
  await app.close()
  t.equal(emulator.items({ type: 'request', operation_Id: kept, itemCount: 1 }).length, 10)
  t.equal(emulator.items({ type: 'request', operation_Id: left }).length, 0)
  const own = emulator.items({ type: 'request', itemCount: 4 })
  t.ok(own.length > 5 && own.length < 60, `${own.length} of 100`)
  t.ok(own.every(row => row.cloud_RoleName === 'from-the-environment'))
})
