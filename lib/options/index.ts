/** The user's options → the Config that the rest of the plugin reads. */
export { parseConnectionString } from './connection-string'
export { checkRouteConfig } from './validation'
export { type CallChoice, type Config, type Ignore, type LogsConfig, readOptions } from './config'
export type * from './interfaces'
