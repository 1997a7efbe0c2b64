/** A scripted ingestion endpoint in a process of its own: latency, failures, and a count of what arrived, by kind and by unique id. */
import { createServer } from 'node:https'
import { gunzipSync } from 'node:zlib'

let script = { mode: 'ok', latency: 0 }
// Bodies are read after the load, so that counting takes no time from what is measured.
let posts = []
let refused = 0

const { key, cert } = JSON.parse(process.env.BENCH_CERTIFICATE)
const server = createServer({ key, cert }, (request, response) => {
  if (!request.url.endsWith('/track')) {
    // Live metrics, which nobody watches, and remote settings, which there are none of.
    request.resume()
    response.writeHead(200, { 'content-type': 'application/json', 'x-ms-qps-subscribed': 'false' }).end('{}')
    return
  }
  const chunks = []
  request.on('data', chunk => chunks.push(chunk))
  request.on('error', () => {})
  request.on('end', () => {
    const { mode, latency } = script
    if (mode === 'hang') return
    const body = Buffer.concat(chunks)
    setTimeout(answer, latency, mode, request, response, body)
  })
})

function answer (mode, request, response, body) {
  if (response.destroyed) return
  if (mode === 'unavailable') {
    refused++
    response.writeHead(503, { 'content-type': 'application/json' }).end('{"itemsReceived":0,"itemsAccepted":0,"errors":[]}')
    return
  }
  posts.push({ at: Date.now(), gzip: request.headers['content-encoding'] === 'gzip', body })
  // On 200 no client reads the numbers.
  response.writeHead(200, { 'content-type': 'application/json' }).end('{"itemsReceived":1,"itemsAccepted":1,"errors":[]}')
}

function items (text) {
  if (text.startsWith('[')) return JSON.parse(text)
  return text.split('\n').filter(line => line !== '').map(line => JSON.parse(line))
}

const ID = /\/items\/([a-z]\d+)/
const OTHER_ID = /\/(?:crash|exit)\/([a-z]\d+)/

/** The id of the request that a row is about. */
function idOf (type, data, text) {
  if (type === 'MessageData') return data.properties?.item
  return (ID.exec(text) ?? OTHER_ID.exec(text))?.[1]
}

const commands = {
  script (given) {
    script = { ...script, ...given }
  },
  /** What arrived, by the letter that ids begin with. */
  report () {
    const kinds = { RequestData: new Map(), RemoteDependencyData: new Map(), MessageData: new Map(), ExceptionData: new Map() }
    const counts = {}
    const timeline = []
    let bytes = 0
    let plainBytes = 0
    let telemetryBytes = 0
    let telemetryItems = 0
    for (const post of posts) {
      const plain = post.gzip ? gunzipSync(post.body) : post.body
      bytes += post.body.length
      plainBytes += plain.length
      const arrived = { at: post.at, requests: 0, logs: 0 }
      let counted = false
      for (const item of items(plain.toString())) {
        const type = item.data?.baseType
        counts[type] = (counts[type] ?? 0) + 1
        if (kinds[type] === undefined) continue
        const id = idOf(type, item.data.baseData, JSON.stringify(item.data.baseData))
        if (id === undefined) continue
        counted = true
        telemetryItems++
        const seen = kinds[type].get(id) ?? 0
        kinds[type].set(id, seen + 1)
        if (seen > 0) continue
        if (type === 'RequestData') arrived.requests++
        else if (type === 'MessageData') arrived.logs++
      }
      if (counted) telemetryBytes += post.body.length
      if (arrived.requests + arrived.logs > 0) timeline.push(arrived)
    }
    const unique = {}
    let duplicates = 0
    for (const [type, ids] of Object.entries(kinds)) {
      for (const [id, seen] of ids) {
        const letter = id[0]
        unique[letter] ??= {}
        unique[letter][type] = (unique[letter][type] ?? 0) + 1
        duplicates += seen - 1
      }
    }
    return { posts: posts.length, refused, bytes, plainBytes, telemetryBytes, telemetryItems, counts, unique, duplicates, timeline }
  },
  posts: () => posts.length,
  rows: () => posts.flatMap(post => items((post.gzip ? gunzipSync(post.body) : post.body).toString())),
  clear () {
    posts = []
    refused = 0
  }
}

process.on('message', ({ id, command, given }) => {
  try {
    process.send({ id, result: commands[command](given) })
  } catch (error) {
    process.send({ id, error: error.message })
  }
})
process.on('disconnect', () => process.exit())
server.listen(0, '127.0.0.1', () => process.send({ ready: server.address().port }))
