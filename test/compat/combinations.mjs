/** What is tried beside the plugin, and which Node.js it needs. Versions are the newest of their line, unless one is meant. */

const PG = { pg: '^8.23.1', ioredis: '^5.11.1' }
// The last versions that need no API 1.10.
const INSTRUMENTATIONS_2 = { ...PG, '@opentelemetry/instrumentation-pg': '0.76.0', '@opentelemetry/instrumentation-ioredis': '0.71.0', '@opentelemetry/instrumentation-undici': '0.33.0', '@opentelemetry/instrumentation-http': '0.223.0' }
const INSTRUMENTATIONS_3 = { ...PG, '@opentelemetry/instrumentation-pg': '0.77.0', '@opentelemetry/instrumentation-ioredis': '0.72.0', '@opentelemetry/instrumentation-undici': '0.34.0', '@opentelemetry/instrumentation-http': '0.301.0' }
const API_1_9 = { '@opentelemetry/api': '1.9.1' }
const API_1_10 = { '@opentelemetry/api': '1.10.0' }
/** SDK 3.x and what goes with it. */
const NODE_3 = 22.15

export const COMBINATIONS = [
  { name: '`@opentelemetry/api` 1.9.1', packages: API_1_9, small: true },
  { name: '`@opentelemetry/api` 1.10', packages: API_1_10, small: true },
  { name: 'OpenTelemetry SDK 2.12 (`NodeTracerProvider`)', packages: { ...API_1_9, '@opentelemetry/sdk-trace-node': '2.12.0' }, setup: 'sdk', orders: ['before', 'after'] },
  { name: 'OpenTelemetry SDK 3.x (`NodeTracerProvider`)', packages: { ...API_1_10, '@opentelemetry/sdk-trace': '^3.1.1', '@opentelemetry/context-async-hooks': '^3.1.1' }, setup: 'sdk3', node: NODE_3, orders: ['before', 'after'] },
  { name: 'Instrumentations of the 2.x line (pg 0.76, ioredis 0.71, undici 0.33, http 0.223)', packages: { ...API_1_9, ...INSTRUMENTATIONS_2 }, setup: 'instrumentations', small: true },
  { name: 'Instrumentations of the 3.x line (pg 0.77, ioredis 0.72, undici 0.34, http 0.301)', packages: { ...API_1_10, ...INSTRUMENTATIONS_3 }, setup: 'instrumentations', node: NODE_3 },
  ...['8', '9', '10', '11'].flatMap(version => [
    { name: `Sentry ${version}, errors only`, packages: { '@sentry/node': `^${version}` }, setup: 'sentry', orders: ['before', 'after'] },
    { name: `Sentry ${version}, tracing`, packages: { '@sentry/node': `^${version}` }, setup: 'sentry', env: { TRACING: 'true' } }
  ]),
  { name: '`@fastify/otel` 0.21', packages: { ...API_1_9, '@fastify/otel': '^0.21.2' }, setup: 'fastifyOtel', orders: ['before', 'after'] },
  // It takes over the global tracer provider, so that the app's own spans are its rows.
  { name: '`@azure/monitor-opentelemetry` 1.x', packages: { ...API_1_9, '@azure/monitor-opentelemetry': '^1.21.0' }, setup: 'distro', orders: ['before', 'after'], known: /^span: no row/ }
]
