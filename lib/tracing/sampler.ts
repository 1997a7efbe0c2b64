/** Trace id → kept or not, with the same result in every service that uses Application Insights' sampling. */
import { type Attributes, type Context, type Link, type Span, type SpanKind, TraceFlags, createContextKey, trace } from '@opentelemetry/api'
import { type Sampler, SamplingDecision, type SamplingResult } from '@opentelemetry/sdk-trace-base'
import { monotonic } from '../clock'
import { NOT_FOR_AZURE, SAMPLE_RATE } from '../rows/attribute-names'
import { sampleRateOf } from '../rows/marks'
import { isOwn } from './own-spans'

// The package's index has a getter for each name, which costs half a microsecond where a request reads it twice.
const { NOT_RECORD, RECORD, RECORD_AND_SAMPLED } = SamplingDecision

/** Set in the context of a request that must be recorded, because its end decides whether it is kept. */
export const kBuffer = createContextKey('fastify-app-insights.buffer')

/** Set in the context of a request whose route has its own ratio: a RateSampler. */
export const kRouteSampler = createContextKey('fastify-app-insights.route-sampler')

/** The percentage kept now. Called once per new trace. */
export type Rate = () => number

/**
 * The hash of Application Insights' SDKs: a trace is kept if its hash is below the percentage.
 * @see https://learn.microsoft.com/azure/azure-monitor/app/sampling
 */
export function samplingHash (traceId: string): number {
  let hash = 5381
  for (let i = 0; i < traceId.length; i++) {
    hash = (Math.imul(hash, 33) + traceId.charCodeAt(i)) | 0
  }
  const positive = hash === -2147483648 ? 2147483647 : Math.abs(hash)
  return positive / 2147483647 * 100
}

export function fixedRate (samplingRatio: number): Rate {
  const percent = samplingRatio * 100
  return () => percent
}

/**
 * Keeps about this many traces per second under any load. The arrival rate is an average over about a second, in which
 * older arrivals weigh less. The result is rounded to 100/n, so that itemCount is a whole number.
 */
export function adaptiveRate (tracesPerSecond: number, now: () => number = monotonic): Rate {
  const memory = 1_000 // milliseconds
  let arrivals = 0
  let span = memory
  let last = now()
  return () => {
    const at = now()
    const passed = at - last
    const decay = Math.exp(-passed / memory)
    arrivals = arrivals * decay + 1
    span = span * decay + passed
    last = at
    const wanted = tracesPerSecond * span / 1_000 / arrivals
    if (wanted >= 1 || tracesPerSecond === Infinity) return 100
    return tracesPerSecond === 0 ? 0 : 100 / Math.ceil(1 / Math.max(wanted, 1e-6))
  }
}

/** Uses only the hash of the trace id, not the caller's decision, so that each kept row represents a known number. */
export class RateSampler implements Sampler {
  readonly #rate: Rate

  constructor (rate: Rate) {
    this.#rate = rate
  }

  shouldSample (_context: Context, traceId: string): SamplingResult {
    const rate = this.#rate()
    if (rate >= 100) return { decision: RECORD_AND_SAMPLED }
    if (rate <= 0 || samplingHash(traceId) >= rate) return { decision: NOT_RECORD }
    return { decision: RECORD_AND_SAMPLED, attributes: { [SAMPLE_RATE]: rate } }
  }

  toString (): string {
    return 'RateSampler'
  }
}

/** Decides for the first span of an operation in this process; the other spans follow it. */
export class OperationSampler implements Sampler {
  readonly #first: Sampler
  readonly #buffers: boolean
  readonly #azureOnly: boolean

  /**
   * @param first decides if the parent isn't one of our spans
   * @param buffers records spans that are sampled out too, until their operation ends
   * @param azureOnly sampling applies only to rows for Azure
   */
  constructor (first: Sampler, buffers: boolean, azureOnly: boolean) {
    this.#first = first
    this.#buffers = buffers
    this.#azureOnly = azureOnly
  }

  shouldSample (context: Context, traceId: string, name: string, kind: SpanKind, attributes: Attributes, links: Link[]): SamplingResult {
    const result = this.#sample(context, traceId, name, kind, attributes, links)
    if (attributes[SAMPLE_RATE] === undefined || result.attributes?.[SAMPLE_RATE] !== undefined) return result
    // Code that starts a span may set any attribute except the sample rate.
    return { ...result, attributes: { ...result.attributes, [SAMPLE_RATE]: undefined } }
  }

  #sample (context: Context, traceId: string, name: string, kind: SpanKind, attributes: Attributes, links: Link[]): SamplingResult {
    const parent = trace.getSpan(context)
    if (isOwn(parent)) return followed(parent)
    const first = context.getValue(kRouteSampler) as Sampler | undefined ?? this.#first
    const result = first.shouldSample(context, traceId, name, kind, attributes, links)
    if (this.#azureOnly && result.decision !== RECORD_AND_SAMPLED) return { ...result, decision: RECORD_AND_SAMPLED, attributes: { ...result.attributes, [SAMPLE_RATE]: NOT_FOR_AZURE } }
    const buffers = this.#buffers || context.getValue(kBuffer) === true
    if (buffers && result.decision === NOT_RECORD) return { ...result, decision: RECORD }
    return result
  }

  toString (): string {
    return 'OperationSampler'
  }
}

/** A child's row represents as many as its parent's. */
function followed (parent: Span): SamplingResult {
  if ((parent.spanContext().traceFlags & TraceFlags.SAMPLED) === 0) {
    return { decision: parent.isRecording() ? RECORD : NOT_RECORD }
  }
  const rate = sampleRateOf((parent as { attributes?: Attributes }).attributes)
  return rate === undefined ? { decision: RECORD_AND_SAMPLED } : { decision: RECORD_AND_SAMPLED, attributes: { [SAMPLE_RATE]: rate } }
}
