/** The entry: the plugin and its public types, nothing else. */
import type { FastifyPluginAsync } from 'fastify'
import fp from 'fastify-plugin'
import type * as decorators from './decorators'
import type * as delivery from './delivery'
import type * as availability from './logs/availability'
import type * as options from './options'
import * as plugin from './plugin'
import type * as instance from './instance'

// An object or a string; `string` alone would make TypeScript accept any object.
type Input = appInsightsPlugin.AppInsightsOptions | (string & Record<never, never>)

type Plugin = FastifyPluginAsync<Input> & {
  default: FastifyPluginAsync<Input>
  appInsightsPlugin: FastifyPluginAsync<Input>
}

const appInsightsPlugin = fp(plugin.appInsights as FastifyPluginAsync<Input>, {
  fastify: '5.x',
  name: 'fastify-app-insights'
}) as Plugin

appInsightsPlugin.default = appInsightsPlugin
appInsightsPlugin.appInsightsPlugin = appInsightsPlugin

// eslint-disable-next-line @typescript-eslint/no-redeclare -- types beside the value, for `export =`
declare namespace appInsightsPlugin {
  export type AppInsightsOptions = options.AppInsightsOptions
  export type RequestOptions = options.RequestOptions
  export type LogOptions = options.LogOptions
  export type LogLine = options.LogLine
  export type ExceptionOptions = options.ExceptionOptions
  export type DependencyOptions = options.DependencyOptions
  export type OutgoingCall = options.OutgoingCall
  export type FinishedCall = options.FinishedCall
  export type MetricOptions = options.MetricOptions
  export type IgnoreOptions = options.IgnoreOptions
  export type Properties = options.Properties
  export type PropertyValue = options.PropertyValue
  export type RouteConfig = options.RouteConfig
  export type AppInsights = decorators.AppInsights
  export type AvailabilityResult = availability.AvailabilityResult
  export type OperationAppInsights = decorators.OperationAppInsights
  export type RequestAppInsights = decorators.RequestAppInsights
  export type Stats = instance.Stats
  export type FlushReport = delivery.FlushReport
}

// Node reads the names that `import { … }` may use from assignments of this form.
module.exports.appInsightsPlugin = appInsightsPlugin
export = appInsightsPlugin
