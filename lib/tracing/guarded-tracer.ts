/** The app's tracer → a tracer that never throws itself. Errors of the app's function are rethrown. */
import { type Context, type Span, type SpanOptions, type Tracer, INVALID_SPAN_CONTEXT, trace } from '@opentelemetry/api'
import { context } from './context'
import { attempt, isArray, isObject, nameOf, readProperty } from '../rows/hostile'
import { guardSpan, readableAttributes, readableLink, validTime } from './guarded-span'

const guards = new WeakMap<Tracer, Tracer>()

export function guardTracer (tracer: Tracer): Tracer {
  let guard = guards.get(tracer)
  if (guard === undefined) guards.set(tracer, guard = createGuard(tracer))
  return guard
}

function createGuard (tracer: Tracer): Tracer {
  function startSpan (name: string, options?: SpanOptions, parent?: Context): Span {
    const text = nameOf(name)
    let span: Span | undefined
    if (!attempt(() => { span = tracer.startSpan(text, readableOptions(options), validContext(parent)) })) attempt(() => { span = tracer.startSpan(text) })
    return guardSpan(span ?? trace.wrapSpanContext(INVALID_SPAN_CONTEXT))
  }

  // In all of OpenTelemetry's forms, the function is the last argument.
  function startActiveSpan (name: string, ...given: unknown[]): unknown {
    const work = given.slice(0, 3).findLast(argument => typeof argument === 'function') as ((span: Span) => unknown) | undefined
    if (work === undefined) return undefined
    const [options, parent] = given.slice(0, given.indexOf(work)) as [SpanOptions?, Context?]
    const span = startSpan(name, options, parent)
    let where = context.active()
    attempt(() => { where = trace.setSpan(validContext(parent) ?? where, span) })
    return context.with(where, work, undefined, span)
  }

  return { startSpan, startActiveSpan: startActiveSpan as Tracer['startActiveSpan'] }
}

function readableOptions (options: unknown): SpanOptions {
  if (!isObject(options)) return {}
  const kind = readProperty(options, 'kind')
  const attributes = readProperty(options, 'attributes')
  const links = readProperty(options, 'links')
  const startTime = validTime(readProperty(options, 'startTime'))
  const readable: SpanOptions = { root: readProperty(options, 'root') === true }
  if (kind === 0 || kind === 1 || kind === 2 || kind === 3 || kind === 4) readable.kind = kind
  if (attributes !== undefined) readable.attributes = readableAttributes(attributes)
  if (isArray(links)) readable.links = readableLinks(links)
  if (startTime !== undefined) readable.startTime = startTime
  return readable
}

function readableLinks (links: unknown[]): NonNullable<SpanOptions['links']> {
  const readable: NonNullable<SpanOptions['links']> = []
  attempt(() => {
    for (const link of links) {
      const valid = readableLink(link)
      if (valid !== undefined) readable.push(valid)
    }
  })
  return readable
}

function validContext (given: unknown): Context | undefined {
  return typeof readProperty(given, 'getValue') === 'function' && typeof readProperty(given, 'setValue') === 'function' ? given as Context : undefined
}
