import { AzureMonitorLogExporter, AzureMonitorTraceExporter } from '@azure/monitor-opentelemetry-exporter'
import { ROOT_CONTEXT, SpanKind, trace as tracing } from '@opentelemetry/api'
import { resourceFromAttributes } from '@opentelemetry/resources'
import { LoggerProvider, SimpleLogRecordProcessor } from '@opentelemetry/sdk-logs'
import { BasicTracerProvider, SimpleSpanProcessor } from '@opentelemetry/sdk-trace-base'
import { startEmulator } from 'fastify-app-insights/emulator'
import t from 'tap'

t.test("the Azure exporter's own rows arrive, joined in one operation", async t => {
  for (const name of ['APPLICATION_INSIGHTS_NO_STATSBEAT', 'APPLICATIONINSIGHTS_STATSBEAT_DISABLED', 'APPLICATIONINSIGHTS_SDKSTATS_DISABLED']) process.env[name] = 'true'
  const emulator = await startEmulator()
  t.teardown(() => emulator.close())
  // The exporter turns http in the connection string into https, so the host is given beside it.
  const options = { connectionString: emulator.connectionString, host: emulator.url, allowInsecureConnection: true, disableOfflineStorage: true }
  const resource = resourceFromAttributes({ 'service.name': 'shop', 'service.instance.id': 'shop-1' })
  const spans = new BasicTracerProvider({ resource, spanProcessors: [new SimpleSpanProcessor(new AzureMonitorTraceExporter(options))] })
  const logs = new LoggerProvider({ resource, processors: [new SimpleLogRecordProcessor({ exporter: new AzureMonitorLogExporter(options) })] })

  const span = spans.getTracer('test').startSpan('GET /users/:id', {
    kind: SpanKind.SERVER,
    attributes: { 'http.request.method': 'GET', 'http.route': '/users/:id', 'url.full': 'http://shop.test:3000/users/42?plan=pro', 'http.response.status_code': 200, tenant: 'acme' }
  })
  const within = tracing.setSpan(ROOT_CONTEXT, span)
  const logger = logs.getLogger('test')
  logger.emit({ body: 'user read', severityNumber: 9, attributes: { userId: '42', 'ai.operation.name': 'GET /users/:id' }, context: within })
  logger.emit({
    severityNumber: 17,
    attributes: { 'exception.type': 'TypeError', 'exception.message': 'no user', 'exception.stacktrace': 'TypeError: no user\n    at readUser (/srv/users.js:7:11)' },
    context: within
  })
  span.end()
  await Promise.all([spans.forceFlush(), logs.forceFlush()])

  const request = await emulator.waitFor({ type: 'request' })
  t.match(request, { name: 'GET /users/:id', url: 'http://shop.test:3000/users/42?plan=pro', resultCode: '200', success: true, customDimensions: { tenant: 'acme' }, cloud_RoleName: 'shop', sdkVersion: /^\w*node/, itemCount: 1 })
  const line = await emulator.waitFor({ type: 'trace' })
  t.match(line, { message: 'user read', severityLevel: 1, operation_Id: request.operation_Id, operation_ParentId: request.id, operation_Name: 'GET /users/:id', customDimensions: { userId: '42' } })
  t.match(await emulator.waitFor({ type: 'exception' }), { exceptionType: 'TypeError', message: 'no user', operation_Id: request.operation_Id, problemId: 'TypeError at readUser' })
  await Promise.all([spans.shutdown(), logs.shutdown()])
})
