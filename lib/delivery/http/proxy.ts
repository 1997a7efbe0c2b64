/** HTTPS_PROXY, ALL_PROXY, HTTP_PROXY and NO_PROXY → the agent for a host. */
import { setMaxListeners } from 'node:events'
import type { Agent } from 'node:http'
import { BlockList, isIP, isIPv6 } from 'node:net'
import type { PipelineRequest, PipelineResponse } from '@azure/core-rest-pipeline'
import type * as RestPipeline from '@azure/core-rest-pipeline'

const VARIABLES = ['HTTPS_PROXY', 'ALL_PROXY', 'HTTP_PROXY']
// curl's default if neither a scheme nor a port is given.
const DEFAULT_PORT = '1080'

/** Parsed as any URL parser would. @throws if it isn't a usable proxy; the message doesn't repeat the value */
export function normalizeProxy (value: string): URL {
  const text = value.trim()
  const hasScheme = /^[a-z][a-z0-9+.-]*:\/\//i.test(text)
  const given = hasScheme ? text : `http://${text}`
  if (!URL.canParse(given)) throw new Error('the proxy in HTTPS_PROXY, ALL_PROXY or HTTP_PROXY is not a valid URL')
  const url = new URL(given)
  if (url.protocol !== 'http:' && url.protocol !== 'https:') {
    throw new Error(`the proxy in HTTPS_PROXY, ALL_PROXY or HTTP_PROXY is of a kind that is not supported (${url.protocol.slice(0, -1)}): use http or https`)
  }
  // The URL parser drops ":80" from http URLs.
  if (!hasScheme && url.port === '' && !/:80\/*$/.test(text)) url.port = DEFAULT_PORT
  return url
}

/** The first variable that is set wins; upper case before lower case, as in Azure's own clients. */
export function proxyVariable (env: NodeJS.ProcessEnv): string | undefined {
  for (const name of VARIABLES) {
    const value = env[name] || env[name.toLowerCase()]
    if (value !== undefined && value.trim() !== '') return value
  }
  return undefined
}

/**
 * For code that reads the variables itself and fails if the proxy has no scheme.
 * @returns the value to set for each variable; undefined means remove it
 */
export function normalizedVariables (env: NodeJS.ProcessEnv): Record<string, string | undefined> {
  const normalized: Record<string, string | undefined> = {}
  for (const name of VARIABLES.flatMap(name => [name, name.toLowerCase()])) {
    if (env[name] === undefined) continue
    try {
      normalized[name] = env[name].trim() === '' ? undefined : normalizeProxy(env[name]).href
    } catch {
      normalized[name] = undefined
    }
  }
  return normalized
}

/** Whether NO_PROXY names the host, a parent domain, its network, or `*`. An entry with a port matches that port only. */
export function isExcluded (noProxy: string | undefined, { hostname, port, protocol }: URL): boolean {
  const host = bare(hostname)
  const ownPort = port || (protocol === 'https:' ? '443' : '80')
  return (noProxy ?? '').split(/[\s,]+/).some(entry => {
    if (entry === '*') return true
    // Without brackets, the last part of an IPv6 address is not a port.
    const [, name, only] = isIPv6(entry.replace(/\/\d+$/, '')) ? [entry, entry] : /^(.*?)(?::(\d+))?$/.exec(entry)!
    if (only !== undefined && only !== ownPort) return false
    const domain = bare(name).replace(/^\*?\./, '')
    if (domain === '') return false
    if (isIP(host) > 0) return domain === host || isWithin(domain, host)
    return host === domain || host.endsWith(`.${domain}`)
  })
}

function bare (host: string): string {
  return host.toLowerCase().replace(/^\[|\]$/g, '').replace(/\.$/, '')
}

function isWithin (network: string, host: string): boolean {
  const [address, bits] = network.split('/')
  if (bits === undefined || isIP(address) !== isIP(host)) return false
  const family = isIPv6(host) ? 'ipv6' : 'ipv4'
  const list = new BlockList()
  try {
    list.addSubnet(address, Number(bits), family)
  } catch {
    return false
  }
  return list.check(host, family)
}

/** @returns undefined if no proxy is needed. @throws if the proxy can't be used */
export type FindProxy = (url: URL) => Promise<Agent | undefined>

/** @param closing ends all connections, even to a proxy that never answers */
export function proxyFrom (env: NodeJS.ProcessEnv, closing: AbortSignal): FindProxy {
  const variable = proxyVariable(env)
  if (variable === undefined) return async () => undefined
  let find: FindProxy | undefined
  return async url => {
    if (isExcluded(env.NO_PROXY || env.no_proxy, url)) return undefined
    find ??= proxyOf(normalizeProxy(variable), closing)
    return await find(url)
  }
}

/** The agent decodes it, and a password may contain a literal %. */
function reencoded (text: string): string {
  return encodeURIComponent(text.replace(/(?:%[0-9a-f]{2})+/gi, encoded => {
    try {
      return decodeURIComponent(encoded)
    } catch {
      return encoded
    }
  }))
}

/** Uses the same agents as Azure's own clients. */
function proxyOf (proxy: URL, closing: AbortSignal): FindProxy {
  const { createHttpHeaders, createPipelineRequest, proxyPolicy } = require('@azure/core-rest-pipeline') as typeof RestPipeline
  const policy = proxyPolicy({
    host: `${proxy.protocol}//${proxy.hostname}`,
    port: Number(proxy.port || (proxy.protocol === 'https:' ? 443 : 80)),
    username: reencoded(proxy.username),
    password: reencoded(proxy.password)
  }, { customNoProxyList: [] })
  setMaxListeners(0, closing)
  return async ({ href }) => {
    let agent: Agent & { connectOpts?: object } | undefined
    await policy.sendRequest(createPipelineRequest({ url: href, method: 'POST' }), async (request: PipelineRequest): Promise<PipelineResponse> => {
      agent = request.agent as Agent
      return { request, status: 200, headers: createHttpHeaders() }
    })
    // The policy's agents open a new connection for every request.
    if (agent !== undefined) Object.assign(agent, { keepAlive: true, connectOpts: Object.assign(agent.connectOpts ?? {}, { signal: closing }) })
    return agent
  }
}
