/** The app's meter → a meter and instruments whose methods never throw. */
import { type Attributes, type BatchObservableCallback, type Context, type Meter, type MetricOptions, type Observable, type ObservableCallback, createNoopMeter } from '@opentelemetry/api'
import { attempt, isArray, isObject, nameOf, readProperty, readText } from '../rows/hostile'
import { propertyValue, toMeasurement } from '../rows/properties'
import { readableAttributes } from '../tracing/guarded-span'

type Measure = (value: number, attributes?: Attributes, context?: Context) => void
type Creator = 'createCounter' | 'createUpDownCounter' | 'createHistogram' | 'createGauge' | 'createObservableCounter' | 'createObservableUpDownCounter' | 'createObservableGauge'

const NO_METER = createNoopMeter()
const guards = new WeakMap<Meter, Meter>()
// removeCallback() must get the same function that addCallback() got.
const callbacks = new WeakMap<object, ObservableCallback & BatchObservableCallback>()

export function guardMeter (meter: Meter): Meter {
  let guard = guards.get(meter)
  if (guard === undefined) guards.set(meter, guard = createGuard(meter))
  return guard
}

function createGuard (meter: Meter): Meter {
  return {
    createCounter: (name, options) => guardSync(create(meter, 'createCounter', name, options), 'add'),
    createUpDownCounter: (name, options) => guardSync(create(meter, 'createUpDownCounter', name, options), 'add'),
    createHistogram: (name, options) => guardSync(create(meter, 'createHistogram', name, options), 'record'),
    createGauge: (name, options) => guardSync(create(meter, 'createGauge', name, options), 'record'),
    createObservableCounter: (name, options) => guardObservable(create(meter, 'createObservableCounter', name, options)),
    createObservableUpDownCounter: (name, options) => guardObservable(create(meter, 'createObservableUpDownCounter', name, options)),
    createObservableGauge: (name, options) => guardObservable(create(meter, 'createObservableGauge', name, options)),
    addBatchObservableCallback (callback, observables) {
      if (typeof callback === 'function' && isArray(observables)) attempt(() => meter.addBatchObservableCallback(guardCallback(callback), observables))
    },
    removeBatchObservableCallback (callback, observables) {
      if (typeof callback === 'function' && isArray(observables)) attempt(() => meter.removeBatchObservableCallback(guardCallback(callback), observables))
    }
  }
}

/** An instrument of the SDK, or a no-op one if the SDK can't create it. */
function create<Name extends Creator> (meter: Meter, creator: Name, name: unknown, options: unknown): ReturnType<Meter[Name]> {
  const text = nameOf(name)
  const make = (given?: MetricOptions): boolean => attempt(() => { instrument = meter[creator](text, given) as ReturnType<Meter[Name]> })
  let instrument: ReturnType<Meter[Name]> | undefined
  if (!make(readableOptions(options))) make()
  return instrument ?? NO_METER[creator](text) as ReturnType<Meter[Name]>
}

function readableOptions (options: unknown): MetricOptions | undefined {
  if (!isObject(options)) return undefined
  const readable: MetricOptions = {}
  const description = readText(options, 'description')
  const unit = readText(options, 'unit')
  const valueType = readProperty(options, 'valueType')
  const boundaries = readProperty(readProperty(options, 'advice'), 'explicitBucketBoundaries')
  if (description !== undefined) readable.description = description
  if (unit !== undefined) readable.unit = unit
  if (valueType === 0 || valueType === 1) readable.valueType = valueType
  if (isArray(boundaries)) attempt(() => { if (boundaries.every(boundary => typeof boundary === 'number')) readable.advice = { explicitBucketBoundaries: [...boundaries] as number[] } })
  return readable
}

function guardSync<Instrument extends object> (instrument: Instrument, method: 'add' | 'record'): Instrument {
  const measure = ((instrument as Record<string, unknown>)[method] as Measure).bind(instrument)
  return replace(instrument, method, (value: unknown, attributes?: unknown, context?: unknown) => {
    const number = toMeasurement(value)
    if (number === undefined) return
    const where = typeof readProperty(context, 'getValue') === 'function' ? context as Context : undefined
    if (!attempt(() => measure(number, toDimensions(attributes), where))) attempt(() => measure(number, toDimensions(attributes)))
  })
}

function guardObservable<Instrument extends Observable> (instrument: Instrument): Instrument {
  const add = instrument.addCallback.bind(instrument)
  const remove = instrument.removeCallback.bind(instrument)
  replace(instrument, 'addCallback', (callback: unknown) => {
    if (typeof callback === 'function') attempt(() => add(guardCallback(callback as ObservableCallback)))
  })
  return replace(instrument, 'removeCallback', (callback: unknown) => {
    if (typeof callback === 'function') attempt(() => remove(guardCallback(callback as ObservableCallback)))
  })
}

/** The SDK handles errors that the callback throws, and still collects the other callbacks' values. */
function guardCallback (callback: ObservableCallback | BatchObservableCallback): ObservableCallback & BatchObservableCallback {
  let guarded = callbacks.get(callback)
  if (guarded === undefined) {
    guarded = (result: object) => {
      const observe = ((result as { observe: (...given: unknown[]) => void }).observe).bind(result)
      replace(result, 'observe', (...given: unknown[]) => {
        // Batch callbacks pass the instrument first.
        const instrument = isObject(given[0]) ? [given[0]] : []
        const [value, attributes] = given.slice(instrument.length)
        const number = toMeasurement(value)
        if (number !== undefined) attempt(() => observe(...instrument, number, toDimensions(attributes)))
      })
      return (callback as (result: object) => void)(result)
    }
    callbacks.set(callback, guarded)
  }
  return guarded
}

function replace<Target extends object> (target: Target, name: string, value: unknown): Target {
  Object.defineProperty(target, name, { value, writable: true, configurable: true })
  return target
}

/** Keeps plain values, and converts all others to text. */
function toDimensions (attributes: unknown): Attributes | undefined {
  if (attributes === undefined || attributes === null) return undefined
  const dimensions: Attributes = {}
  for (const [name, value] of Object.entries(readableAttributes(attributes))) {
    if (value === undefined) continue
    dimensions[name] = typeof value === 'string' || typeof value === 'boolean' || (typeof value === 'number' && Number.isFinite(value)) ? value : propertyValue(value)
  }
  return dimensions
}
