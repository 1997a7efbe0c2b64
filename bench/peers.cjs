/** What is compared, each set up as its README says, all at 100 % sampling and with the same exporter. */
'use strict'
const { LAYERS, addLayers } = require('./floor-layers.cjs')

/**
 * `start` runs before Fastify is loaded, as instrumentations need it; `register` on the app, before its routes;
 * `shutdown` after the app's close.
 */
const peers = {
  bare: {
    label: 'bare Fastify',
    full: false,
    start: () => ({})
  },
  ours: {
    label: 'fastify-app-insights',
    full: true,
    start: connectionString => ({ register: app => app.register(require('..'), connectionString) })
  },
  'ours-in-process': {
    label: 'fastify-app-insights, worker: false',
    full: true,
    start: connectionString => ({ register: app => app.register(require('..'), { connectionString, worker: false }) })
  },
  'http-pino': {
    label: 'instrumentation-http + instrumentation-pino',
    full: true,
    start: connectionString => startProviders(connectionString, () => [http(), pino(), undici()])
  },
  'http-pino-fastify': {
    label: 'the same + @fastify/otel',
    full: true,
    start: connectionString => startProviders(connectionString, () => {
      const FastifyOtelInstrumentation = require('@fastify/otel')
      return [http(), pino(), undici(), new FastifyOtelInstrumentation({ registerOnInitialization: true })]
    })
  },
  distro: {
    label: '@azure/monitor-opentelemetry + instrumentation-pino',
    full: true,
    start (connectionString) {
      const { useAzureMonitor, shutdownAzureMonitor } = require('@azure/monitor-opentelemetry')
      useAzureMonitor({ azureMonitorExporterOptions: { connectionString }, samplingRatio: 1, tracesPerSecond: 0 })
      addToGlobals([pino(), undici()])
      return { shutdown: shutdownAzureMonitor }
    }
  },
  // Needs Node.js 22.
  microsoft: {
    label: '@microsoft/opentelemetry + instrumentation-pino',
    full: true,
    start (connectionString) {
      const { useMicrosoftOpenTelemetry, shutdownMicrosoftOpenTelemetry } = require('@microsoft/opentelemetry')
      useMicrosoftOpenTelemetry({ azureMonitor: { azureMonitorExporterOptions: { connectionString } }, samplingRatio: 1, tracesPerSecond: 0 })
      addToGlobals([pino(), undici()])
      return { shutdown: shutdownMicrosoftOpenTelemetry }
    }
  },
  autotelic: {
    label: '@autotelic/fastify-opentelemetry + instrumentation-pino',
    full: true,
    start: connectionString => ({
      ...startProviders(connectionString, () => [pino(), undici()]),
      register: app => app.register(require('@autotelic/fastify-opentelemetry'), { wrapRoutes: true })
    })
  },
  applicationinsights: {
    label: 'applicationinsights 3 + instrumentation-pino',
    full: true,
    start (connectionString) {
      const appInsights = require('applicationinsights')
      const { shutdownAzureMonitor } = require('applicationinsights/out/src/main')
      appInsights.setup(connectionString)
      appInsights.defaultClient.config.azureMonitorOpenTelemetryOptions = { tracesPerSecond: 0 }
      appInsights.start()
      addToGlobals([pino(), undici()])
      return { shutdown: shutdownAzureMonitor }
    }
  }
}

const http = () => new (require('@opentelemetry/instrumentation-http').HttpInstrumentation)()
const pino = () => new (require('@opentelemetry/instrumentation-pino').PinoInstrumentation)()
// fetch() is half of what the issue of dependencies is about: no peer shall go without.
const undici = () => new (require('@opentelemetry/instrumentation-undici').UndiciInstrumentation)()

function startProviders (connectionString, instrumentations) {
  const { registerInstrumentations } = require('@opentelemetry/instrumentation')
  const { NodeTracerProvider, BatchSpanProcessor } = require('@opentelemetry/sdk-trace-node')
  const { LoggerProvider, BatchLogRecordProcessor } = require('@opentelemetry/sdk-logs')
  const { resourceFromAttributes } = require('@opentelemetry/resources')
  const { logs } = require('@opentelemetry/api-logs')
  const { AzureMonitorTraceExporter, AzureMonitorLogExporter } = require('@azure/monitor-opentelemetry-exporter')

  const resource = resourceFromAttributes({ 'service.name': 'bench' })
  const tracerProvider = new NodeTracerProvider({ resource, spanProcessors: [new BatchSpanProcessor(new AzureMonitorTraceExporter({ connectionString }))] })
  tracerProvider.register()
  const loggerProvider = new LoggerProvider({ resource, processors: [new BatchLogRecordProcessor({ exporter: new AzureMonitorLogExporter({ connectionString }) })] })
  logs.setGlobalLoggerProvider(loggerProvider)
  registerInstrumentations({ tracerProvider, loggerProvider, instrumentations: instrumentations() })
  return { shutdown: () => Promise.all([tracerProvider.shutdown(), loggerProvider.shutdown()]) }
}

function addToGlobals (instrumentations) {
  const { registerInstrumentations } = require('@opentelemetry/instrumentation')
  const { metrics, trace } = require('@opentelemetry/api')
  const { logs } = require('@opentelemetry/api-logs')
  registerInstrumentations({ tracerProvider: trace.getTracerProvider(), meterProvider: metrics.getMeterProvider(), loggerProvider: logs.getLoggerProvider(), instrumentations })
}

/** Not peers: what floor.mjs measures. */
const floor = Object.fromEntries(Object.entries(LAYERS).map(([name, label]) => [`floor-${name}`, {
  label,
  full: true,
  start: () => ({ register: (app, stream) => addLayers(app, name, stream) })
}]))

module.exports = { floor, peers }
