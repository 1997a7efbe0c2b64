/** The options: what the user may give, and what is read of it. */
export { parseConnectionString } from './connection-string'
export { checkRouteConfig } from './validation'
export { type CallChoice, type Config, type Ignore, type LogsConfig, readOptions } from './config'
export type * from './interfaces'
