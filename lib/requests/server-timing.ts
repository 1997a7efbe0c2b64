/** Response → its `Server-Timing: traceparent` header, which ties a web page's telemetry to the operation. */
import { isSpanContextValid } from '@opentelemetry/api'
import type { FastifyInstance, FastifyReply } from 'fastify'

/** @see https://www.w3.org/TR/server-timing/ */
export function announceTrace (fastify: FastifyInstance): void {
  fastify.addHook('onSend', function setServerTiming (request, reply, _payload, done) {
    const trace = request.appInsights.span.spanContext()
    if (isSpanContextValid(trace) && !reply.sent) {
      const entry = `traceparent;desc="00-${trace.traceId}-${trace.spanId}-0${trace.traceFlags & 1}"`
      append(reply, 'server-timing', entry)
      // A page from another origin needs this header to see the timing. It gives nothing away, because that origin
      // may read the whole response.
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
