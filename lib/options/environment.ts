/** OpenTelemetry's and Azure's environment variables → sampling and off switches, used if the options don't set them. */

export interface EnvironmentSampling {
  readonly samplingRatio?: number
  readonly tracesPerSecond?: number
  /** Follows the caller's decision, like OpenTelemetry's `parentbased_…` samplers. */
  readonly followCaller?: boolean
}

/** @see https://opentelemetry.io/docs/specs/otel/configuration/sdk-environment-variables/ */
export function isDisabled (env: NodeJS.ProcessEnv): boolean {
  return env.OTEL_SDK_DISABLED?.trim().toLowerCase() === 'true'
}

/** Azure's variables for turning SDK stats off. */
export function isSdkStatsDisabled (env: NodeJS.ProcessEnv): boolean {
  return Boolean(env.APPLICATIONINSIGHTS_SDKSTATS_DISABLED) || Boolean(env.APPLICATION_INSIGHTS_NO_STATSBEAT)
}

/** Accepts OpenTelemetry's sampler names, also in Azure's spelling, and Azure's own two. Invalid values are ignored with a warning. */
export function samplingOf (env: NodeJS.ProcessEnv): EnvironmentSampling {
  const name = env.OTEL_TRACES_SAMPLER?.trim().toLowerCase() ?? ''
  if (name === '') return {}
  const plain = name.replace(/^parentbased_/, '')
  const found = plain === name ? byName(name, env) : withCaller(byName(plain, env))
  if (found === undefined) warn('OTEL_TRACES_SAMPLER', 'always_on, always_off, traceidratio, one of these prefixed with parentbased_, microsoft.fixed_percentage or microsoft.rate_limited')
  return found ?? {}
}

function withCaller (sampling: EnvironmentSampling | undefined): EnvironmentSampling | undefined {
  return sampling?.samplingRatio === undefined ? undefined : { ...sampling, followCaller: true }
}

function byName (name: string, env: NodeJS.ProcessEnv): EnvironmentSampling | undefined {
  switch (name) {
    case 'always_on': return { samplingRatio: 1 }
    case 'always_off': return { samplingRatio: 0 }
    case 'traceidratio': case 'trace_id_ratio': case 'microsoft.fixed_percentage': return { samplingRatio: argument(env, 1, 1, 'a number from 0 to 1') }
    case 'microsoft.rate_limited': return { tracesPerSecond: argument(env, Infinity, 5, 'a number of traces per second') }
    default: return undefined
  }
}

/** @param otherwise the default, as in Azure's own distribution */
function argument (env: NodeJS.ProcessEnv, max: number, otherwise: number, words: string): number {
  const given = env.OTEL_TRACES_SAMPLER_ARG?.trim() ?? ''
  const value = given === '' ? NaN : Number(given)
  if (value >= 0 && value <= max && value !== Infinity) return value
  warn('OTEL_TRACES_SAMPLER_ARG', `${words}; using ${otherwise}`)
  return otherwise
}

function warn (variable: string, words: string): void {
  process.emitWarning(`The environment variable ${variable} must be ${words}.`, { type: 'FastifyAppInsightsWarning', code: 'FAI_WARN_ENVIRONMENT' })
}
