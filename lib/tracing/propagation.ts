/** Headers ↔ context: always W3C Trace Context, plus the propagator that the app or the environment chooses. */
import { type Context, type TextMapGetter, type TextMapPropagator, type TextMapSetter, isSpanContextValid, propagation, trace } from '@opentelemetry/api'
import { CompositePropagator, W3CBaggagePropagator, W3CTraceContextPropagator, getStringListFromEnv } from '@opentelemetry/core'
import { appRequire } from '../app'
import type { Warn } from '../warnings'

type Headers = Readonly<Record<string, string | string[] | undefined>>

const traceContext = new W3CTraceContextPropagator()
const baggage = new W3CBaggagePropagator()

const GETTER: TextMapGetter<Headers> = {
  keys: headers => Object.keys(headers),
  get: (headers, name) => headers[name.toLowerCase()]
}

// The values of OTEL_PROPAGATORS, except the two that are part of OpenTelemetry's core.
const PACKAGES: Readonly<Record<string, { name: string, create: (loaded: Record<string, new (options?: object) => TextMapPropagator>) => TextMapPropagator }>> = {
  b3: { name: '@opentelemetry/propagator-b3', create: ({ B3Propagator }) => new B3Propagator!() },
  b3multi: { name: '@opentelemetry/propagator-b3', create: ({ B3Propagator, B3InjectEncoding }) => new B3Propagator!({ injectEncoding: (B3InjectEncoding as unknown as { MULTI_HEADER: number }).MULTI_HEADER }) },
  jaeger: { name: '@opentelemetry/propagator-jaeger', create: ({ JaegerPropagator }) => new JaegerPropagator!() }
}

/** The propagator that we register with OpenTelemetry's API if the app has registered none. */
interface Own {
  readonly propagator: TextMapPropagator
  /** OTEL_PROPAGATORS=none: headers are neither read nor written. */
  readonly off: boolean
  readonly writesTraceContext: boolean
  readonly readsBaggage: boolean
}

const DEFAULT: Own = { propagator: new CompositePropagator({ propagators: [traceContext, baggage] }), off: false, writesTraceContext: true, readsBaggage: true }

// One per process, like the API's.
let own = DEFAULT
let isRegistered = false

/** @returns the propagator to register */
export function createPropagator (warn: Warn): TextMapPropagator {
  own = fromEnvironment(warn) ?? DEFAULT
  return own.propagator
}

/** @param registered whether the API accepted our propagator */
export function usePropagator (registered: boolean): void {
  isRegistered = registered
}

function fromEnvironment (warn: Warn): Own | undefined {
  const names = getStringListFromEnv('OTEL_PROPAGATORS')
  if (names === undefined) return undefined
  const propagators: TextMapPropagator[] = []
  for (const name of new Set(names)) {
    if (name === 'tracecontext') propagators.push(traceContext)
    else if (name === 'baggage') propagators.push(baggage)
    else if (name !== 'none') propagators.push(...loaded(name, warn))
  }
  return {
    propagator: new CompositePropagator({ propagators }),
    off: names.length === 1 && names[0] === 'none',
    writesTraceContext: propagators.includes(traceContext),
    readsBaggage: propagators.includes(baggage)
  }
}

function loaded (name: string, warn: Warn): TextMapPropagator[] {
  const known = Object.hasOwn(PACKAGES, name) ? PACKAGES[name] : undefined
  if (known === undefined) {
    warn(`OTEL_PROPAGATORS contains an unknown propagator: ${name.slice(0, 32)}`)
    return []
  }
  try {
    return [known.create(appRequire()(known.name) as Parameters<typeof known.create>[0])]
  } catch {
    warn(`OTEL_PROPAGATORS contains ${name}: install ${known.name} in your app to use it.`)
    return []
  }
}

/**
 * The caller's context: its `traceparent`, or without a valid one, what the registered propagator finds. Includes
 * baggage.
 */
export function incomingContext (active: Context, headers: Headers): Context {
  if (own.off) return active
  const { traceparent } = headers
  let where = active
  let known = false
  if (traceparent !== undefined) {
    where = traceContext.extract(active, headers, GETTER)
    known = where !== active
  }
  if (!known && !(isRegistered && own === DEFAULT)) {
    const found = isRegistered ? own.propagator.extract(active, headers, GETTER) : extractRegistered(active, headers)
    const span = trace.getSpanContext(found)
    // Without a caller, some propagators make up a trace.
    if (span !== undefined && isSpanContextValid(span) && span !== trace.getSpanContext(active)) where = found
  }
  if (headers.baggage === undefined || propagation.getBaggage(where) !== undefined) return where
  const isWanted = isRegistered ? own.readsBaggage : propagation.fields().includes('baggage')
  return isWanted ? baggage.extract(where, headers, GETTER) : where
}

function extractRegistered (active: Context, headers: Headers): Context {
  try {
    return propagation.extract(active, headers, GETTER)
  } catch {
    return active
  }
}

/** Always writes `traceparent`, plus the headers of the registered propagator. */
export function injectContext<Carrier> (where: Context, carrier: Carrier, setter: TextMapSetter<Carrier>): void {
  if (own.off) return
  if (isRegistered) {
    own.propagator.inject(where, carrier, setter)
    if (own.writesTraceContext) return
  } else {
    try {
      propagation.inject(where, carrier, setter)
    } catch {
      // A failing propagator must not make the app's call fail.
    }
  }
  traceContext.inject(where, carrier, setter)
}

/** The entries of the caller's baggage. */
export function baggageOf (where: Context): ReadonlyArray<[string, { value: string }]> {
  return propagation.getBaggage(where)?.getAllEntries() ?? []
}
