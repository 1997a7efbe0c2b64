/** A dozen things that happen to a server → what each peer sends about them. */
import { connect } from 'node:net'
import { startApp, startIngestion, within } from './processes.mjs'

const TYPES = { RequestData: 'requests', RemoteDependencyData: 'dependencies', MessageData: 'traces', ExceptionData: 'exceptions' }

/** Bytes as they are: a client such as fetch() would refuse to send some of these. */
function raw (port, text, { destroyAfter } = {}) {
  return new Promise(resolve => {
    const socket = connect(port, '127.0.0.1', () => {
      socket.write(text)
      if (destroyAfter !== undefined) setTimeout(() => socket.destroy(), destroyAfter)
    })
    socket.on('error', () => {})
    socket.resume().on('close', resolve)
  })
}

const get = (path, headers = '') => port => raw(port, `GET ${path} HTTP/1.1\r\nhost: 127.0.0.1:${port}\r\nconnection: close\r\n${headers}\r\n`)
const post = (path, body) => port => raw(port, `POST ${path} HTTP/1.1\r\nhost: 127.0.0.1:${port}\r\nconnection: close\r\ncontent-type: application/json\r\ncontent-length: ${body.length}\r\n\r\n${body}`)
const contains = (rows, text) => JSON.stringify(rows.all).includes(text)
const operation = row => row?.tags?.['ai.operation.id']
const PARENT = '4bf92f3577b34da6a3ce929d0e0e4736'

/** `send` does it, `facts` says what its rows show beside their number. */
export const cases = [
  {
    name: 'case-log',
    title: 'A request that logs one line with one field',
    send: get('/case-log/1'),
    facts (rows) {
      const line = rows.traces.find(row => row.data.baseData.message === 'case-log')
      if (line === undefined) return ['the line is missing']
      return [
        rows.traces.length === 1 ? "none of Fastify's own lines" : `${rows.traces.length - 1} of the traces are Fastify's own lines`,
        operation(line) !== undefined && operation(line) === operation(rows.requests[0]) ? 'tied to the request' : 'not tied to the request',
        line.tags['ai.operation.name'] === undefined ? 'no operation name on the line' : `operation name ${line.tags['ai.operation.name']} on the line`
      ]
    }
  },
  { name: 'case-throw', title: 'A handler that throws', send: get('/case-throw/1'), facts: exceptionFacts },
  { name: 'case-logged-throw', title: 'An error that is logged and then thrown', send: get('/case-logged-throw/1'), facts: exceptionFacts },
  { name: 'case-not-found', title: 'A thrown error with status code 404', send: get('/case-not-found/1') },
  { name: 'case-validation', title: 'A body that fails validation', send: post('/case-validation', '{"case-validation":1}') },
  { name: 'case-abort', title: 'A client that goes away before the answer', send: port => raw(port, `GET /case-abort/1 HTTP/1.1\r\nhost: 127.0.0.1:${port}\r\n\r\n`, { destroyAfter: 100 }) },
  {
    name: 'case-random',
    title: 'Three paths without a route',
    async send (port) { for (const path of ['/case-random-a.php', '/case-random-b.env', '/case-random-c']) await get(path)(port) },
    facts: rows => [`${new Set(rows.requests.map(row => row.data.baseData.name)).size === 1 ? 'one name' : 'different names'} for all`]
  },
  { name: 'case-malformed', title: 'A malformed URL', send: get('/case-malformed/%E0%A4%A') },
  {
    name: 'case-stream',
    title: 'A streamed answer that takes 300 ms',
    send: get('/case-stream/1'),
    facts: rows => rows.requests.map(row => `duration ${milliseconds(row.data.baseData.duration) >= 290 ? 'whole' : `${milliseconds(row.data.baseData.duration)} ms`}`)
  },
  { name: 'case-redacted', title: "A log field that the logger's redact option hides", send: get('/case-redacted/1'), facts: rows => [contains(rows, 'hunter2-in-a-log') ? 'the secret is sent' : 'the secret is not sent'] },
  { name: 'case-query', title: 'A secret in the query (?sig=…)', send: get('/case-query/1?sig=hunter2-in-a-url'), facts: rows => [contains(rows, 'hunter2-in-a-url') ? 'the secret is sent' : 'the secret is not sent'] },
  {
    name: 'case-child',
    title: 'A line of a child logger, with a binding',
    send: get('/case-child/1'),
    facts (rows) {
      const line = rows.traces.find(row => row.data.baseData.message === 'case-child')
      return line === undefined ? ['the line is missing'] : [line.data.baseData.properties?.part === 'billing' ? 'with its binding' : 'without its binding', tied(line, rows)]
    }
  },
  {
    name: 'case-pool',
    title: "A line from a pool's callback, where the async context is lost",
    send: get('/case-pool/1'),
    facts (rows) {
      const line = rows.traces.find(row => row.data.baseData.message === 'case-pool')
      return line === undefined ? ['the line is missing'] : [tied(line, rows)]
    }
  },
  { name: 'case-fetch', title: 'A handler that calls fetch() (url with ?sig=…)', send: get('/case-fetch/1'), facts: rows => [...dependencyFacts(rows), contains(rows, 'hunter2-in-a-dependency') ? 'the secret is sent' : 'the secret is not sent'] },
  { name: 'case-http', title: 'A handler that calls http.get()', send: get('/case-http/1'), facts: dependencyFacts },
  {
    name: 'case-log/traced',
    marker: PARENT,
    title: 'An incoming traceparent',
    send: get('/case-log/2', `traceparent: 00-${PARENT}-00f067aa0ba902b7-01\r\n`),
    facts: rows => [rows.requests.some(row => operation(row) === PARENT) ? "the caller's operation goes on" : 'a new operation']
  }
]

function tied (line, rows) {
  const request = rows.requests.find(row => operation(row) === operation(line))
  return request !== undefined ? 'tied to the request' : 'not tied to the request'
}

function exceptionFacts (rows) {
  const lines = rows.traces.filter(row => /case-/.test(row.data.baseData.message)).length
  const facts = []
  if (rows.exceptions.length > 0) facts.push(`${rows.exceptions.filter(row => row.tags['ai.operation.name'] !== undefined).length} with an operation name`)
  if (lines > 0) facts.push(`the error again in ${lines} of the traces`)
  return facts
}

function dependencyFacts (rows) {
  const [request] = rows.requests.filter(row => !row.data.baseData.url?.includes('/upstream/'))
  return rows.dependencies.filter(row => row.data.baseData.type !== 'InProc').map(row => `${row.data.baseData.type} dependency “${row.data.baseData.name}”${operation(row) === operation(request) ? '' : ', not tied to the request'}`)
}

/** `00:00:00.301` or `0.00:00:00.301` */
function milliseconds (duration) {
  const [, hours, minutes, seconds] = /(\d+):(\d+):([\d.]+)$/.exec(duration)
  return Math.round(((Number(hours) * 60 + Number(minutes)) * 60 + Number(seconds)) * 1_000)
}

/** The rows that name the case, and those of the same operations. */
function rowsOf (all, marker) {
  const seeds = all.filter(row => JSON.stringify(row).includes(marker))
  const operations = new Set(seeds.map(operation).filter(id => id !== undefined && !/^0*$/.test(id)))
  const rows = { requests: [], dependencies: [], traces: [], exceptions: [], all: [] }
  for (const row of all) {
    if (!seeds.includes(row) && !operations.has(operation(row))) continue
    const type = TYPES[row.data.baseType]
    if (type === undefined) continue
    rows[type].push(row)
    rows.all.push(row)
  }
  return rows
}

function describe (rows, { facts }) {
  const requests = Map.groupBy === undefined ? groupBy(rows.requests, requestText) : Map.groupBy(rows.requests, requestText)
  const text = requests.size === 0 ? ['no request'] : [...requests].map(([request, same]) => same.length > 1 ? `${same.length} × ${request}` : request)
  for (const type of ['exceptions', 'traces', 'dependencies']) {
    if (rows[type].length > 0) text.push(`${rows[type].length} ${rows[type].length === 1 ? { exceptions: 'exception', traces: 'trace', dependencies: 'dependency' }[type] : type}`)
  }
  return [...text, ...facts?.(rows) ?? []].join('; ')
}

function requestText (row) {
  const { name, responseCode, success } = row.data.baseData
  return `request “${name}” ${responseCode} ${success ? 'success' : 'failed'}`
}

function groupBy (rows, key) {
  const groups = new Map()
  for (const row of rows) groups.set(key(row), [...groups.get(key(row)) ?? [], row])
  return groups
}

/** @returns by the case's name, what `peer` sent */
export async function runCases (peer) {
  const ingestion = await startIngestion()
  const app = await startApp(peer, ingestion.port, { mode: 'cases' })
  const facts = {}
  const asModule = runAsModule(peer)
  try {
    for (const { send } of cases) await send(app.port)
    // The aborted request is answered by its handler later than its client goes.
    await new Promise(resolve => setTimeout(resolve, 500))
    const closed = app.ask('close').catch(() => {})
    await within(15_000, app.exited)
    await within(100, closed)
    const rows = await ingestion.ask('rows')
    for (const each of cases) facts[each.name] = describe(rowsOf(rows, each.marker ?? each.name + (each.name === 'case-log' ? '/1' : '')), each)
    const others = app.others()
    facts.others = others.length === 0 ? 'none' : others.join(', ')
    facts.esm = await asModule
  } finally {
    await app.end()
    await ingestion.end()
  }
  return facts
}

/** The same app as an ES module, without a flag for Node.js. */
async function runAsModule (peer) {
  const ingestion = await startIngestion()
  const app = await startApp(peer, ingestion.port, { file: 'server-esm.mjs' })
  try {
    await get('/items/e1')(app.port)
    app.ask('close').catch(() => {})
    await within(15_000, app.exited)
    const { unique } = await ingestion.ask('report')
    const { RequestData: requests = 0, MessageData: logs = 0 } = unique.e ?? {}
    return `${requests === 0 ? 'no request' : 'the request'}, ${logs === 0 ? 'not the line' : 'the line'}`
  } finally {
    await app.end()
    await ingestion.end()
  }
}
