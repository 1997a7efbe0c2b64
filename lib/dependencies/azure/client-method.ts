/** Context → the method of an Azure SDK client that it belongs to. */
import { type Context, createContextKey } from '@opentelemetry/api'

/** A running method of a client. */
export interface ClientMethod {
  readonly name: string
  readonly outer: ClientMethod | undefined
  /** Whether it has made HTTP calls, which already have rows. */
  callsHttp: boolean
}

const kMethod = createContextKey('fastify-app-insights.azure-method')

export function innermostMethod (where: Context): ClientMethod | undefined {
  return where.getValue(kMethod) as ClientMethod | undefined
}

/** An HTTP call begins. Its row stands for the whole method. */
export function markHttpCall (where: Context): void {
  for (let method = innermostMethod(where); method !== undefined; method = method.outer) method.callsHttp = true
}

export function withMethod (where: Context, method: ClientMethod): Context {
  return where.setValue(kMethod, method)
}
