/** Servers that know just enough for a driver to run a command: PostgreSQL's and Redis' protocols, and HTTP. */
import { once } from 'node:events'
import { createServer as createHttpServer } from 'node:http'
import { createServer } from 'node:net'

async function listen (server) {
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  server.unref()
  return `127.0.0.1:${server.address().port}`
}

/** Lets everybody in, and finds nothing. */
export async function startPostgres () {
  const message = (type, body) => {
    const head = Buffer.alloc(5)
    head.write(type)
    head.writeInt32BE(body.length + 4, 1)
    return Buffer.concat([head, body])
  }
  const ready = message('Z', Buffer.from('I'))
  return await listen(createServer(socket => {
    let started = false
    socket.on('error', () => {}).on('data', chunk => {
      if (!started) socket.write(Buffer.concat([message('R', Buffer.alloc(4)), ready]))
      else if (chunk.toString('latin1', 0, 1) === 'Q') socket.write(Buffer.concat([message('C', Buffer.from('SELECT 0\0')), ready]))
      started = true
    })
  }))
}

/** Answers each command with OK. */
export async function startRedis () {
  return await listen(createServer(socket => {
    socket.on('error', () => {}).on('data', chunk => { socket.write('+OK\r\n'.repeat(String(chunk).match(/^\*\d+\r$/gm)?.length ?? 0)) })
  }))
}

/** Tells the caller its headers. */
export async function startCallee () {
  return await listen(createHttpServer((request, response) => response.end(JSON.stringify(request.headers))))
}
