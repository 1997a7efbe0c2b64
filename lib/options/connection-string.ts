/** Connection string → its parsed and checked parts. */
import { FAI_ERR_CONNECTION_STRING_INVALID } from '../errors'

/** Where telemetry goes. Contains a secret, so never log it. */
export interface Connection {
  /** In a form that every parser accepts: the exporter's allows no spaces and only one `=` per pair. */
  readonly connectionString: string
  readonly instrumentationKey: string
  /** Origin of the ingestion endpoint, without a trailing slash. */
  readonly endpoint: string
  /** The endpoint is on this machine, so plain HTTP is allowed and nothing else may be contacted. */
  readonly loopback: boolean
  /** Origin of Live Metrics; undefined if only the ingestion endpoint is on this machine, because then nothing on the network may be contacted. */
  readonly liveEndpoint: string | undefined
  /** Audience of the Microsoft Entra ID token, if the connection string has one. */
  readonly aadAudience: string | undefined
}

const GLOBAL_ENDPOINT = 'https://dc.services.visualstudio.com'
const GLOBAL_LIVE_ENDPOINT = 'https://global.livediagnostics.monitor.azure.com'
const UUID = /^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i
const LOOPBACK = /^(?:localhost|127(?:\.\d{1,3}){3}|\[::1\])$/i

export function isLoopback ({ hostname }: URL): boolean {
  return LOOPBACK.test(hostname)
}

/**
 * Reads `Key=value;Key=value`. Keys are case-insensitive, and unknown ones are ignored.
 * @throws FAI_ERR_CONNECTION_STRING_INVALID, which never repeats the string
 * @see https://learn.microsoft.com/azure/azure-monitor/app/connection-strings
 */
export function parseConnectionString (connectionString: string): Connection {
  const text = withoutQuotes(connectionString.trim())
  // App Service and Functions leave the reference in place of a secret that they can't read.
  if (text.startsWith('@Microsoft.')) throw new FAI_ERR_CONNECTION_STRING_INVALID('it is a reference, such as to Key Vault, that the platform could not resolve')
  const fields = new Map<string, string>()
  for (const part of text.split(';')) {
    if (part.trim() === '') continue
    const at = part.indexOf('=')
    if (at < 1) throw new FAI_ERR_CONNECTION_STRING_INVALID('it is not a list of Key=value pairs separated by semicolons')
    fields.set(part.slice(0, at).trim().toLowerCase(), part.slice(at + 1).trim())
  }

  const instrumentationKey = fields.get('instrumentationkey')
  if (!instrumentationKey) throw new FAI_ERR_CONNECTION_STRING_INVALID('it has no InstrumentationKey')
  if (!UUID.test(instrumentationKey)) throw new FAI_ERR_CONNECTION_STRING_INVALID('its InstrumentationKey is not a valid UUID')

  const url = endpointUrl(fields)
  const loopback = isLoopback(url)
  if (url.protocol === 'http:' && !loopback) {
    throw new FAI_ERR_CONNECTION_STRING_INVALID('its IngestionEndpoint uses plain http, which is only accepted for 127.0.0.1 and localhost')
  }
  if (url.username !== '' || url.password !== '' || url.search !== '' || url.hash !== '') {
    throw new FAI_ERR_CONNECTION_STRING_INVALID('its IngestionEndpoint must have only a scheme, a host and a path')
  }

  const endpoint = (url.origin + url.pathname).replace(/\/+$/, '')
  const aadAudience = fields.get('aadaudience')
  // The exporter only accepts lower case.
  const key = instrumentationKey.toLowerCase()
  return Object.freeze({
    connectionString: `InstrumentationKey=${key};IngestionEndpoint=${endpoint}${aadAudience === undefined ? '' : `;AADAudience=${aadAudience}`}`,
    instrumentationKey: key,
    endpoint,
    loopback,
    liveEndpoint: liveEndpoint(fields, loopback),
    aadAudience
  })
}

/** `docker run --env-file` keeps the quotes that a shell takes off. */
function withoutQuotes (text: string): string {
  return /^(["'])(.*)\1$/s.exec(text)?.[2] ?? text
}

/** An emulator's Live Metrics are on this machine too. The real service must not be contacted from tests. */
function liveEndpoint (fields: Map<string, string>, loopback: boolean): string | undefined {
  const suffix = fields.get('endpointsuffix')
  const location = fields.get('location')
  const given = fields.get('liveendpoint') || (loopback ? undefined : suffix ? `https://${location ? `${location}.` : ''}live.${suffix}` : GLOBAL_LIVE_ENDPOINT)
  if (given === undefined) return undefined
  if (!URL.canParse(given)) throw new FAI_ERR_CONNECTION_STRING_INVALID('its LiveEndpoint is no URL')
  const url = new URL(given)
  const isLocal = isLoopback(url)
  if (loopback !== isLocal) return undefined
  if (url.protocol !== 'https:' && !(isLocal && url.protocol === 'http:')) throw new FAI_ERR_CONNECTION_STRING_INVALID('its LiveEndpoint is no https URL')
  if (url.username !== '' || url.password !== '' || url.search !== '' || url.hash !== '') {
    throw new FAI_ERR_CONNECTION_STRING_INVALID('its LiveEndpoint must be scheme, host and path alone')
  }
  return (url.origin + url.pathname).replace(/\/+$/, '')
}

function endpointUrl (fields: Map<string, string>): URL {
  const suffix = fields.get('endpointsuffix')
  const location = fields.get('location')
  const given = fields.get('ingestionendpoint') ??
    (suffix ? `https://${location ? `${location}.` : ''}dc.${suffix}` : GLOBAL_ENDPOINT)
  let url
  try {
    url = new URL(given)
  } catch {
    throw new FAI_ERR_CONNECTION_STRING_INVALID('its IngestionEndpoint is not a valid URL')
  }
  if (url.protocol !== 'https:' && url.protocol !== 'http:') {
    throw new FAI_ERR_CONNECTION_STRING_INVALID('its IngestionEndpoint is not an http or https URL')
  }
  return url
}
