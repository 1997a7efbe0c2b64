/** An operation and its span → the OpenTelemetry context that its code runs in. */
import { type Context, type Span, createContextKey, trace } from '@opentelemetry/api'

/** The operation of an OpenTelemetry context. */
export const kContextOperation = createContextKey('fastify-app-insights.operation')

const kSpan = keyOfSpan()

/**
 * Equal to `trace.setSpan(parent.setValue(kContextOperation, operation), span)`, without the API's two contexts. Each of
 * those is a Map and three closures, and closures in fields make V8 13 keep what they refer to (the whole request) until
 * the next full collection: docs/upstream.md has the numbers.
 */
export class OperationContext implements Context {
  readonly #parent: Context
  readonly #operation: object
  readonly #span: Span
  /** The same, made by the API: the first one that is derived from it needs it. */
  #base: Context | undefined = undefined

  constructor (parent: Context, operation: object, span: Span) {
    this.#parent = parent
    this.#operation = operation
    this.#span = span
  }

  getValue (key: symbol): unknown {
    if (key === kContextOperation) return this.#operation
    return key === kSpan ? this.#span : this.#parent.getValue(key)
  }

  setValue (key: symbol, value: unknown): Context {
    return this.#asBase().setValue(key, value)
  }

  deleteValue (key: symbol): Context {
    return this.#asBase().deleteValue(key)
  }

  #asBase (): Context {
    this.#base ??= trace.setSpan(this.#parent.setValue(kContextOperation, this.#operation), this.#span)
    return this.#base
  }
}

/** The API doesn't export it. */
function keyOfSpan (): symbol | undefined {
  let key: symbol | undefined
  const probe: Context = {
    getValue (asked) { key = asked },
    setValue: () => probe,
    deleteValue: () => probe
  }
  trace.getSpan(probe)
  return key
}
