/** The load generator, in a process of its own: as fast as answers come back, or at a rate; every request has an id. */
import { connect } from 'node:net'

/**
 * @param given.port of the app
 * @param given.connections kept alive
 * @param given.seconds how long, or given.count how many
 * @param given.rate requests a second; without it, as fast as answers come
 * @param given.letter that ids begin with; given.first the number of the first one
 * @param given.path that ids are appended to
 */
async function run ({ port, connections, seconds = Infinity, count = Infinity, rate, letter, first = 0, path = '/items/' }) {
  const latencies = []
  let sent = 0
  let answered = 0
  let failed = 0
  const waiting = []
  const free = []
  let finish
  const finished = new Promise(resolve => { finish = resolve })
  const since = performance.now()
  const isOver = () => sent >= count || performance.now() - since >= seconds * 1_000

  function open () {
    return new Promise((resolve, reject) => {
      const socket = connect(port, '127.0.0.1')
      const connection = { socket, text: '', from: 0 }
      socket.setNoDelay(true)
      socket.setEncoding('latin1')
      socket.once('connect', () => resolve(connection))
      socket.on('error', reject)
      socket.on('data', text => receive(connection, text))
      socket.on('close', () => {
        if (connection.from !== 0) {
          connection.from = 0
          failed++
          checkEnd()
        }
      })
    })
  }

  function send (connection, from) {
    connection.from = from
    connection.socket.write(`GET ${path}${letter}${first + sent++} HTTP/1.1\r\nhost: 127.0.0.1:${port}\r\nuser-agent: bench\r\n\r\n`)
  }

  function receive (connection, text) {
    connection.text = connection.text === '' ? text : connection.text + text
    const end = connection.text.indexOf('\r\n\r\n')
    if (end === -1) return
    const length = /\r\ncontent-length: (\d+)/i.exec(connection.text)
    if (length === null || connection.text.length < end + 4 + Number(length[1])) return
    const now = performance.now()
    if (connection.text.startsWith('HTTP/1.1 200')) answered++
    else failed++
    latencies.push(now - connection.from)
    connection.text = ''
    connection.from = 0
    if (rate === undefined) {
      if (isOver()) checkEnd()
      else send(connection, now)
    } else if (waiting.length > 0) send(connection, waiting.shift())
    else {
      free.push(connection)
      checkEnd()
    }
  }

  const pool = await Promise.all(Array.from({ length: connections }, open))

  function checkEnd () {
    if (answered + failed === sent && waiting.length === 0 && (isOver() || pool.every(({ socket }) => socket.destroyed))) finish()
  }

  const from = performance.now()
  let due = 0
  let timer
  if (rate === undefined) {
    for (const connection of pool) if (sent < count) send(connection, performance.now())
  } else {
    free.push(...pool)
    timer = setInterval(() => {
      if (isOver()) {
        clearInterval(timer)
        checkEnd()
        return
      }
      const now = performance.now()
      // A request that has to wait for a connection has waited since it was due.
      for (const until = (now - from) / 1_000 * rate; due < until; due++) {
        const connection = free.pop()
        if (connection === undefined) waiting.push(now)
        else send(connection, now)
      }
    }, 4)
  }
  const limit = setTimeout(finish, Math.min(seconds, 60) * 1_000 + 20_000)
  await finished
  clearTimeout(limit)
  clearInterval(timer)
  const elapsed = (performance.now() - from) / 1_000
  for (const { socket } of pool) socket.destroy()
  latencies.sort((a, b) => a - b)
  const percentile = share => latencies[Math.min(latencies.length - 1, Math.floor(latencies.length * share))]
  return { answered, failed, seconds: elapsed, throughput: answered / elapsed, p50: percentile(0.5), p90: percentile(0.9), p99: percentile(0.99), max: latencies.at(-1) }
}

process.on('message', async ({ id, command, given }) => {
  try {
    if (command !== 'run') throw new Error(`no command ${command}`)
    process.send({ id, result: await run(given) })
  } catch (error) {
    process.send({ id, error: error.message })
  }
})
process.on('disconnect', () => process.exit())
process.send({ ready: true })
