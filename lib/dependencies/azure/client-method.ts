/** The method of an Azure SDK client that a context belongs to. */
import { type Context, createContextKey } from '@opentelemetry/api'

/** A method of a client that is running. */
export interface ClientMethod {
  readonly name: string
  readonly outer: ClientMethod | undefined
  /** It has made HTTP calls, which are rows already. */
  callsHttp: boolean
}

const kMethod = createContextKey('fastify-app-insights.azure-method')

export function innermostMethod (where: Context): ClientMethod | undefined {
  return where.getValue(kMethod) as ClientMethod | undefined
}

/** An HTTP call begins: that is the row, for the whole of the method. */
export function markHttpCall (where: Context): void {
  for (let method = innermostMethod(where); method !== undefined; method = method.outer) method.callsHttp = true
}

export function withMethod (where: Context, method: ClientMethod): Context {
  return where.setValue(kMethod, method)
}
