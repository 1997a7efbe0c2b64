/** An operation → the app's view of it: `request.appInsights`, or the argument of background work. Never throws. */
import type { Span } from '@opentelemetry/api'
import type { Properties, PropertyValue } from '../options'
import { textOf } from '../rows/hostile'
import { guardSpan } from './guarded-span'
import type { Operation } from './operation'

export class PublicOperation {
  readonly #operation: Operation

  constructor (operation: Operation) {
    this.#operation = operation
  }

  get span (): Span {
    return guardSpan(this.#operation.span)
  }

  set (key: string, value: PropertyValue): void {
    this.#operation.set(textOf(key), value)
  }

  setUser (id: string): void {
    if (isGiven(id)) this.#operation.setUser(textOf(id))
  }

  setSession (id: string): void {
    if (isGiven(id)) this.#operation.setSession(textOf(id))
  }

  trackEvent (name: string, properties?: Properties, measurements?: Record<string, number>): void {
    this.#operation.trackEvent(name, properties, measurements)
  }

  trackException (error: unknown, properties?: Properties): void {
    this.#operation.trackException(error, properties)
  }

  startSpan (name: string): Span
  startSpan<T> (name: string, work: (span: Span) => T): T
  startSpan<T> (name: string, work?: (span: Span) => T): T | Span {
    return this.#operation.startSpan(name, work as (span: Span) => T)
  }
}

/** Created on first use, because most requests never need it. */
export function publicOperation (operation: Operation): PublicOperation {
  operation.visible ??= new PublicOperation(operation)
  return operation.visible as PublicOperation
}

function isGiven (id: unknown): boolean {
  return id !== undefined && id !== null
}
