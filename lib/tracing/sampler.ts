/** Trace id → kept or not, the same in every service that samples as Application Insights does. */
import { type Context, type Link, type Attributes, type SpanKind, TraceFlags, createContextKey, isSpanContextValid, trace } from '@opentelemetry/api'
import type { Sampler, SamplingResult } from '@opentelemetry/sdk-trace-node'
import { SAMPLE_RATE } from '../rows/attribute-names'
import { sampleRateOf } from '../rows/marks'

export { SAMPLE_RATE }

/** The SDK's numbers, which cost 12 ms to load. */
export const Decision = { Dropped: 0, Recorded: 1, Sampled: 2 } as const

/** Set in the context of a request that must be recorded, because its fate is decided at its end. */
export const kHold = createContextKey('fastify-app-insights.hold')

/** How many in a hundred are kept now. Called once for each new trace. */
export type Rate = () => number

/**
 * The hash of Application Insights' SDKs: a trace is kept where it is below the percentage.
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
 * As many traces a second as given, whatever the load: the rate of arrival is an average over about a second,
 * in which older arrivals weigh less. Rounded to 100/n, so that itemCount is whole.
 */
export function adaptiveRate (tracesPerSecond: number, now: () => number = () => performance.now()): Rate {
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

/** Decides for the first span of an operation here; the others follow it. */
export class OperationSampler implements Sampler {
  readonly #rate: Rate
  readonly #custom: Sampler | undefined
  readonly #hold: boolean

  /**
   * @param rate where no sampler of the user's own decides
   * @param hold what is sampled out is recorded all the same, until its end is known
   */
  constructor (rate: Rate, hold: boolean, custom?: Sampler) {
    this.#rate = rate
    this.#hold = hold
    this.#custom = custom
  }

  shouldSample (context: Context, traceId: string, name: string, kind: SpanKind, attributes: Attributes, links: Link[]): SamplingResult {
    const result = this.#sample(context, traceId, name, kind, attributes, links)
    if (attributes[SAMPLE_RATE] === undefined || result.attributes?.[SAMPLE_RATE] !== undefined) return result
    // Who starts a span may give it any attribute, but not a rate.
    return { ...result, attributes: { ...result.attributes, [SAMPLE_RATE]: undefined } }
  }

  #sample (context: Context, traceId: string, name: string, kind: SpanKind, attributes: Attributes, links: Link[]): SamplingResult {
    const parent = trace.getSpan(context)
    const parentContext = parent?.spanContext()
    const known = parentContext !== undefined && isSpanContextValid(parentContext) ? parentContext : undefined
    if (known !== undefined && known.isRemote !== true) {
      if ((known.traceFlags & TraceFlags.SAMPLED) !== 0) return { decision: Decision.Sampled, attributes: rateOf(parent) }
      return { decision: parent!.isRecording() ? Decision.Recorded : Decision.Dropped }
    }

    const result = this.#custom?.shouldSample(context, traceId, name, kind, attributes, links) ?? this.#decide(traceId, known)
    const hold = this.#hold || context.getValue(kHold) === true
    if (hold && result.decision === Decision.Dropped) return { ...result, decision: Decision.Recorded }
    return result
  }

  #decide (traceId: string, remote: { traceFlags: number } | undefined): SamplingResult {
    const rate = this.#rate()
    if (rate <= 0) return { decision: Decision.Dropped }
    // The caller's word counts, so that an operation is whole or absent.
    if (remote !== undefined && (remote.traceFlags & TraceFlags.SAMPLED) === 0) return { decision: Decision.Dropped }
    if (rate >= 100) return { decision: Decision.Sampled }
    if (samplingHash(traceId) < rate) return { decision: Decision.Sampled, attributes: { [SAMPLE_RATE]: rate } }
    // Kept by a caller who samples more than we do: the row stands for itself alone.
    return { decision: remote !== undefined ? Decision.Sampled : Decision.Dropped }
  }

  toString (): string {
    return 'OperationSampler'
  }
}

/** A child's row stands for as many as its parent's. */
function rateOf (parent: unknown): Attributes | undefined {
  const rate = sampleRateOf((parent as { attributes?: Attributes }).attributes)
  return rate === undefined ? undefined : { [SAMPLE_RATE]: rate }
}
