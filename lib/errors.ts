/** Mistakes at start-up → errors with a code and a message that says what was expected. */
import createError from '@fastify/error'

export const FAI_ERR_CONNECTION_STRING_MISSING = createError(
  'FAI_ERR_CONNECTION_STRING_MISSING',
  'No connection string: pass one to register(), set APPLICATIONINSIGHTS_CONNECTION_STRING, or switch telemetry off with { enabled: false }. You will find it on the Overview page of your Application Insights resource.'
)

export const FAI_ERR_CONNECTION_STRING_INVALID = createError(
  'FAI_ERR_CONNECTION_STRING_INVALID',
  'The connection string is invalid: %s. Expected InstrumentationKey=00000000-0000-0000-0000-000000000000;IngestionEndpoint=https://…'
)

export const FAI_ERR_OPTION_INVALID = createError(
  'FAI_ERR_OPTION_INVALID',
  'The option %s must be %s.'
)

export const FAI_ERR_OPTION_UNKNOWN = createError(
  'FAI_ERR_OPTION_UNKNOWN',
  'Unknown option %s%s.'
)

export const FAI_ERR_NAME_TAKEN = createError(
  'FAI_ERR_NAME_TAKEN',
  'The app has a decorator of its own named appInsights. The plugin needs that name: rename the decorator.'
)

export const FAI_ERR_ALREADY_REGISTERED = createError(
  'FAI_ERR_ALREADY_REGISTERED',
  'fastify-app-insights is already registered on this Fastify instance. Register it once, at the root.'
)
