/** Main thread → pipeline, shared by all instances that send to the same place: the interface for both modes. */
import type { TokenCredential } from '@azure/core-auth'
import { ROOT_CONTEXT, diag } from '@opentelemetry/api'
import { context } from '../../tracing/context'
import type { LiveInstance } from '../../live-metrics'
import type { Connection } from '../../options/connection-string'
import { suppressTracing } from '@opentelemetry/core'
import { wallClock } from '../../clock'
import { attempt } from '../../rows/hostile'
import type { Counters, Counts } from '../counters'
import { tokenOf, type Token } from '../http/tokens'
import type { Mode, PipelineSettings } from '../pipeline'

export interface LinkSettings extends PipelineSettings {
  worker: boolean
  credential: TokenCredential | undefined
}

/** The callbacks of one instance. */
export interface Client {
  resource: () => Readonly<Record<string, unknown>>
  counters: Counters
  /** undefined where Live Metrics are off, or have ended. */
  live: (() => LiveInstance) | undefined
  /** What went wrong last. */
  notice: (message: string) => void
  /** For the operator, at once. */
  warn: (message: string) => void
}

export interface Link {
  readonly inherited: Counters
  /** Live Metrics of an instance: begin, where there is no batch yet that would begin them, or end. */
  watch: (id: number, isOn: boolean) => void
  /** Nothing starts before the first batch. */
  take: (id: number, sealed: string, counts: Counts) => void
  /** Resolves after `timeout` milliseconds at the latest. */
  settle: (mode: Mode, timeout: number, id: number | undefined) => Promise<void>
  /** Blocks for up to `timeout` milliseconds. */
  drain: (timeout: number, last: boolean) => void
  /** Brings the counters up to date now, without waiting for messages. */
  poll: () => void
  /** The instance is gone. After the last one, the thread ends too, with a short delay. */
  release: (id: number) => Promise<void>
}

/** A sealed batch of one instance. */
export interface Sealed { id: number, sealed: string, counts: Counts }

/** For whoever looks into it: the app has called diag.setLogger(), and its logger may throw. */
export function debug (message: string): void {
  attempt(() => diag.debug(`fastify-app-insights: ${message}`))
}

const PUBLIC_CLOUD = 'https://monitor.azure.com'

/** @throws with a message that contains nothing from the credential */
export async function askCredential ({ credential, connection }: LinkSettings): Promise<Token> {
  let token
  try {
    // The credential's HTTP calls are not dependencies of the request being served.
    token = await context.with(suppressTracing(ROOT_CONTEXT), async () => await credential!.getToken(scopeOf(connection)))
  } catch (error) {
    // Its message may contain more than a log should.
    throw new Error(`the credential failed: ${(error as Error | undefined)?.name ?? typeof error}`)
  }
  if (typeof token?.token !== 'string') throw new Error('the credential gave no token')
  return tokenOf(token, wallClock())
}

/** The connection string names an audience, but credentials ask for one of its scopes. */
function scopeOf ({ aadAudience = PUBLIC_CLOUD }: Connection): string {
  return aadAudience.endsWith('/.default') ? aadAudience : `${aadAudience.replace(/\/$/, '')}/.default`
}

/** Attributes may still be waiting for a detector: send what is known now. */
export function plain (attributes: Readonly<Record<string, unknown>>): Record<string, unknown> {
  return JSON.parse(JSON.stringify(attributes)) as Record<string, unknown>
}
