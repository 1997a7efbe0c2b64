/** `fastify-app-insights check`: sends one row of each kind and reports the endpoint's answer, and what to do. */
import { randomBytes } from 'node:crypto'
import { type Agent, type IncomingHttpHeaders, request as requestHttp } from 'node:http'
import { request as requestHttps } from 'node:https'
import { hostname } from 'node:os'
import { type FindProxy, proxyFrom, proxyVariable } from '../delivery/http/proxy'
import { type Connection, parseConnectionString } from '../options/connection-string'
import { readArguments, wrongUsage } from './arguments'
import { EmulatorClient } from './client'
import { cost } from './cost'

const USAGE = `Usage: fastify-app-insights check [connectionString]

  Sends one row of each kind to Application Insights and shows its response.
  Without an argument, it uses the environment variable APPLICATIONINSIGHTS_CONNECTION_STRING.
  HTTPS_PROXY and NO_PROXY apply, as in your app. It sends no credential.
  Exits with 0 if all rows were accepted, 1 if not, 2 if there is nothing to check.

  --cost               show what the running emulator's rows would cost instead: see check --cost --help
  --timeout <seconds>  how long to wait for the response (default 10)
  --help               show this text
`

const ROLE = 'fastify-app-insights check'
const MAX_REDIRECTS = 3
const OPTIONS = { timeout: { type: 'string', default: '10' }, help: { type: 'boolean', short: 'h' } } as const

const MAX_ANSWER = 64 * 1024

interface Answer { status: number, headers: IncomingHttpHeaders, body: string, host: string }

interface Verdict { fine: boolean, says: string, advice: string[] }

export async function check (args: string[]): Promise<number> {
  if (args.includes('--cost')) return await cost(args)
  // Whatever is unexpected may be a part of a connection string, and is not repeated.
  const parsed = readArguments(args, USAGE, OPTIONS, Infinity)
  if (typeof parsed === 'number') return parsed
  const timeout = Number(parsed.values.timeout) * 1_000
  if (!(timeout > 0 && timeout < 2 ** 31)) return wrongUsage('--timeout must be a number of seconds', USAGE)
  if (parsed.positionals.length > 1) return wrongUsage('More than one connection string: put it in quotes, because of its semicolons', USAGE)

  const given = parsed.positionals[0] ?? process.env.APPLICATIONINSIGHTS_CONNECTION_STRING
  if (given === undefined || given.trim() === '') {
    process.stderr.write('No connection string: pass it as an argument, in quotes, or set APPLICATIONINSIGHTS_CONNECTION_STRING. You will find it on the Overview page of your Application Insights resource.\n')
    return 2
  }
  let connection
  try {
    connection = parseConnectionString(given)
  } catch (error) {
    // The message says what is wrong, and never repeats the string.
    process.stderr.write(`${(error as Error).message}\n`)
    return 1
  }

  const operation = randomBytes(16).toString('hex')
  const kinds = rows(connection, operation)
  process.stdout.write(`Sending ${kinds.length} rows to ${connection.endpoint} …\n`)
  const began = performance.now()
  const { fine, says, advice: usual } = await ask(connection, JSON.stringify(kinds.map(({ envelope }) => envelope)), timeout).then(
    answer => ofAnswer(answer, kinds.map(({ kind }) => kind), operation), (error: unknown) => ofError(error, connection, timeout))
  const page = fine && connection.loopback ? await pageOf(connection, operation) : undefined
  const advice = page === undefined ? usual : ['The emulator shows them here:', page]
  const text = [`${fine ? 'OK' : 'Failed'}: ${says} (${Math.round(performance.now() - began)} ms)`, ...advice.map(line => `  ${line}`)].join('\n')
  // Whatever the answer holds: the key is a secret.
  process.stdout.write(`${text.replaceAll(new RegExp(connection.instrumentationKey, 'gi'), '<key>')}\n`)
  return fine ? 0 : 1
}

/** The operation's page if the endpoint is our emulator; undefined for anything else listening on this machine. */
async function pageOf ({ endpoint }: Connection, operation: string): Promise<string | undefined> {
  const client = new EmulatorClient(endpoint)
  const rows = await client.rows({ operation }, 1).catch(() => [])
  return rows.length === 0 ? undefined : client.pageOf(operation)
}

/** The rows as the plugin would send them. */
function rows ({ instrumentationKey }: Connection, operation: string): Array<{ kind: string, envelope: unknown }> {
  const time = new Date().toISOString()
  const id = randomBytes(8).toString('hex')
  const row = (kind: string, baseType: string, baseData: object): { kind: string, envelope: unknown } => ({
    kind,
    envelope: {
      name: `Microsoft.ApplicationInsights.${baseType.replace(/Data$/, '')}`,
      time,
      iKey: instrumentationKey,
      sampleRate: 100,
      ver: 1,
      tags: {
        'ai.operation.id': operation,
        'ai.operation.name': 'GET /check',
        ...(kind === 'request' ? {} : { 'ai.operation.parentId': id }),
        'ai.cloud.role': ROLE,
        'ai.cloud.roleInstance': hostname()
      },
      data: { baseType, baseData: { ver: 2, properties: {}, ...baseData } }
    }
  })
  return [
    row('request', 'RequestData', { id, name: 'GET /check', url: 'http://localhost/check', duration: '00:00:00.001', responseCode: '200', success: true }),
    row('dependency', 'RemoteDependencyData', { id: randomBytes(8).toString('hex'), name: 'check', type: 'InProc', duration: '00:00:00.001', resultCode: '0', success: true }),
    row('trace', 'MessageData', { message: 'A line of fastify-app-insights check', severityLevel: 'Information' }),
    row('exception', 'ExceptionData', { severityLevel: 'Information', exceptions: [{ typeName: 'Error', message: 'No error: an exception row of fastify-app-insights check', hasFullStack: true, stack: 'Error: No error\n    at check (check.js:1:1)' }] }),
    row('event', 'EventData', { name: 'fastify-app-insights check' }),
    row('metric', 'MetricData', { metrics: [{ name: 'fastify-app-insights check', value: 1, count: 1 }] })
  ]
}

async function ask (connection: Connection, body: string, timeout: number): Promise<Answer> {
  // As the plugin does.
  const findProxy: FindProxy = connection.loopback ? async () => undefined : proxyFrom(process.env, AbortSignal.timeout(timeout))
  let url = new URL(`${connection.endpoint}/v2.1/track`)
  for (let redirects = 0; ; redirects++) {
    const answer = await post(url, body, timeout, await findProxy(url))
    const { location } = answer.headers
    if ((answer.status !== 307 && answer.status !== 308) || location === undefined || redirects === MAX_REDIRECTS) return answer
    const next = new URL(location, url)
    // The body contains the key: never send it unencrypted.
    if (next.protocol !== 'https:' && !connection.loopback) return answer
    url = next
  }
}

async function post (url: URL, body: string, timeout: number, proxy: Agent | undefined): Promise<Answer> {
  return await new Promise((resolve, reject) => {
    const request = (url.protocol === 'https:' ? requestHttps : requestHttp)(url, {
      method: 'POST',
      headers: { 'content-type': 'application/json', 'content-length': Buffer.byteLength(body) },
      agent: proxy ?? false,
      signal: AbortSignal.timeout(timeout)
    }, response => {
      let text = ''
      response.setEncoding('utf8')
      response.on('data', (chunk: string) => { if (text.length < MAX_ANSWER) text += chunk })
      response.on('end', () => resolve({ status: response.statusCode!, headers: response.headers, body: text, host: url.host }))
      response.on('error', reject)
    })
    request.on('error', reject)
    request.end(body)
  })
}

interface Receipt { itemsReceived?: number, itemsAccepted?: number, errors?: Array<{ index?: number, statusCode?: number, message?: string }> }

function ofAnswer ({ status, headers, body, host }: Answer, kinds: string[], operation: string): Verdict {
  const receipt = receiptOf(body)
  const problems = (receipt?.errors ?? []).slice(0, kinds.length).map(({ index, statusCode, message }) =>
    `${kinds[index ?? -1] ?? 'a row'}: ${statusCode ?? status} ${plain(message ?? '')}`)
  const statuses = new Set([status, ...(receipt?.errors ?? []).map(({ statusCode }) => statusCode)])
  const wait = headers['retry-after'] === undefined ? [] : [`It asks you to wait ${plain(String(headers['retry-after']))} seconds.`]

  if (status === 200 && receipt !== undefined && receipt.itemsAccepted === kinds.length) {
    return {
      fine: true,
      says: `all ${kinds.length} rows were accepted: ${kinds.join(', ')}`,
      advice: ['The portal shows them after a few minutes. Under Logs, run:', `union * | where operation_Id == "${operation}"`]
    }
  }
  if (statuses.has(439) || statuses.has(402) || /quota/i.test(body)) {
    return { fine: false, says: `the quota has been reached (HTTP ${status})`, advice: [...problems, 'Application Insights → Usage and estimated costs → Daily cap: raise it, or wait until it resets.', 'Send less, with the options samplingRatio, tracesPerSecond, ignore and logs.level.', ...wait] }
  }
  if (statuses.has(429)) {
    return { fine: false, says: `the endpoint is throttling requests (HTTP ${status})`, advice: [...problems, 'This resource is receiving too much at the moment. The plugin keeps its rows and retries; if it continues, send less with samplingRatio or tracesPerSecond.', ...wait] }
  }
  if (/instrumentation ?key|ikey/i.test(body) && (status === 400 || status === 206 || status === 404)) {
    return { fine: false, says: `the endpoint does not know the key (HTTP ${status})`, advice: [...problems.slice(0, 1), 'Copy the connection string again from the Overview page of the Application Insights resource: key and endpoint belong together, and the key of a deleted resource no longer works.'] }
  }
  if (status === 407) {
    return { fine: false, says: 'the proxy requires authentication (HTTP 407)', advice: ['Put user and password into the proxy\'s URL: HTTPS_PROXY=http://user:password@proxy.example:8080.'] }
  }
  if (status === 401 || status === 403) {
    return { fine: false, says: `the endpoint requires authentication (HTTP ${status})`, advice: [...problems.slice(0, 1), 'Local authentication is disabled for this resource: pass the option credential, such as DefaultAzureCredential, with an identity that has the role Monitoring Metrics Publisher.', 'If your app already does, it may be fine: this command sends no credential.', 'Or the network isolation of the resource blocks this machine: see Network Isolation in the portal.'] }
  }
  if (status === 404 || status === 405 || (status >= 200 && status < 300 && receipt === undefined) || (status >= 300 && status < 400)) {
    return { fine: false, says: `${host} is not an ingestion endpoint (HTTP ${status})`, advice: ['The IngestionEndpoint in the connection string is wrong, or a proxy answers instead.', 'Copy the connection string again from the Overview page of the Application Insights resource.'] }
  }
  if (status >= 500) {
    return { fine: false, says: `the endpoint has a problem (HTTP ${status})`, advice: ['Try again in a few minutes; see https://azure.status.microsoft for outages. The plugin keeps its rows in the meantime.', ...wait] }
  }
  return { fine: false, says: `${receipt?.itemsAccepted ?? 0} of ${kinds.length} rows were accepted (HTTP ${status})`, advice: problems.length > 0 ? problems : ['The endpoint gave no reason.'] }
}

const TLS = /^(?:ERR_TLS|ERR_SSL|CERT_|DEPTH_ZERO|SELF_SIGNED|UNABLE_TO|HOSTNAME_MISMATCH|EPROTO|CRL_|INVALID_CA|PATH_LENGTH)/
const DNS: Readonly<Record<string, string>> = { ENOTFOUND: 'does not exist', EAI_AGAIN: 'cannot be resolved at the moment' }

function ofError (error: unknown, { endpoint, loopback }: Connection, timeout: number): Verdict {
  const { host } = new URL(endpoint)
  const { code, name, message, errors } = error as { code?: string, name?: string, message?: string, errors?: Array<{ code?: string }> }
  const reason = code ?? errors?.[0]?.code ?? name ?? 'error'
  if (TLS.test(reason)) {
    return {
      fine: false,
      says: `TLS error: the certificate of ${host} is not trusted, or it does not use TLS (${reason})`,
      advice: [
        'If a proxy inspects TLS, pass its CA certificate to Node.js with NODE_EXTRA_CA_CERTS=/path/to/ca.pem.',
        'An image without CA certificates or a wrong system clock can also cause this.'
      ]
    }
  }
  if (/^the proxy in /.test(message ?? '')) return { fine: false, says: message!, advice: [] }
  const what = name === 'TimeoutError' || reason === 'ABORT_ERR'
    ? `did not answer within ${timeout / 1_000} s`
    : DNS[reason] !== undefined ? `the host name ${DNS[reason]} (${reason})` : `no connection (${reason})`
  return {
    fine: false,
    says: `${host} is unreachable: ${what}`,
    advice: [
      ...(loopback || proxyVariable(process.env) === undefined ? [] : ['HTTPS_PROXY, ALL_PROXY or HTTP_PROXY names a proxy: can it be reached? NO_PROXY lists hosts that need none.']),
      `Is outgoing traffic to ${host} allowed? Check firewall, network policy, private link and DNS.`,
      'Is the IngestionEndpoint in the connection string correct? Copy it again from the Overview page.'
    ]
  }
}

function receiptOf (body: string): Receipt | undefined {
  try {
    const receipt = JSON.parse(body) as Receipt | null
    return typeof receipt === 'object' && receipt !== null && typeof receipt.itemsAccepted === 'number' ? { ...receipt, errors: Array.isArray(receipt.errors) ? receipt.errors : [] } : undefined
  } catch {
    return undefined
  }
}

/** Received text must not control the terminal. */
function plain (text: string): string {
  return text.replaceAll(/[^\x20-\x7e]+/g, ' ').slice(0, 200)
}
