/** Response → `Server-Timing: traceparent`, from which a web page's telemetry learns which operation it belongs to. */
import { isSpanContextValid } from '@opentelemetry/api'
import type { FastifyInstance, FastifyReply } from 'fastify'

/** @see https://www.w3.org/TR/server-timing/ */
export function announceTrace (fastify: FastifyInstance): void {
  fastify.addHook('onSend', function setServerTiming (request, reply, _payload, done) {
    const trace = request.appInsights.span.spanContext()
    if (isSpanContextValid(trace) && !reply.sent) {
      const entry = `traceparent;desc="00-${trace.traceId}-${trace.spanId}-0${trace.traceFlags & 1}"`
      append(reply, 'server-timing', entry)
      // A page of another origin sees it only with this header: where the app lets an origin read the answer itself,
      // this tells it nothing more.
      const origin = reply.getHeader('access-control-allow-origin')
      if (typeof origin === 'string' && !reply.hasHeader('timing-allow-origin')) reply.header('timing-allow-origin', origin)
    }
    done()
  })
}

function append (reply: FastifyReply, name: string, entry: string): void {
  const before = reply.getHeader(name)
  reply.header(name, before === undefined ? entry : `${Array.isArray(before) ? before.join(', ') : before}, ${entry}`)
}
