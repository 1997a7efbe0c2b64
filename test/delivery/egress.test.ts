/** Who gets contacted. The programs run in parallel for 16.5 s. */
import { createServer } from 'node:http'
import { connect, type AddressInfo, type Socket } from 'node:net'
import t from 'tap'
import { ingestion } from '../fixtures/ingestion'
import { run } from '../fixtures/process'

t.jobs = 6

/** A proxy that only records which hosts it is asked for. */
async function proxy (t: { teardown: (run: () => void) => void }, to?: number): Promise<{ url: string, targets: string[] }> {
  const targets: string[] = []
  const sockets = new Set<Socket>()
  const server = createServer((request, response) => {
    targets.push(request.url ?? '')
    response.writeHead(502).end()
  })
  server.on('connection', socket => {
    sockets.add(socket)
    socket.on('error', () => {})
  })
  server.on('connect', (request, socket) => {
    targets.push(request.url ?? '')
    if (to === undefined) {
      socket.end('HTTP/1.1 502 Bad Gateway\r\n\r\n')
      return
    }
    const upstream = connect(to, '127.0.0.1', () => {
      socket.write('HTTP/1.1 200 OK\r\n\r\n')
      socket.pipe(upstream).pipe(socket)
    })
  })
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
  t.teardown(() => {
    for (const socket of sockets) socket.destroy()
    server.close()
  })
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, targets }
}

const AZURE = 'InstrumentationKey=11111111-2222-3333-4444-555555555555;IngestionEndpoint=https://westeurope-5.in.applicationinsights.azure.com/'

const connections = (stdout: string): string[] => [...new Set(stdout.split('\n').filter(Boolean))]

for (const worker of [true, false]) {
  const kind = worker ? 'worker' : 'in-process'
  // The worker's connections are visible only at the proxy.
  const watch = !worker

  t.test(`${kind}: with a loopback endpoint nothing goes anywhere else, even with statsbeat on`, async t => {
    const server = await ingestion()
    t.teardown(server.close)
    const { url, targets } = await proxy(t)
    const ended = await run(t, 'sends-for-long', { connectionString: server.connectionString, worker, statsbeat: true, watch }, { HTTPS_PROXY: url, HTTP_PROXY: url })
    t.match(ended, { code: 0, stderr: '' })
    t.ok(server.accepted.size > 0)
    t.same(targets, [])
    t.same(connections(ended.stdout), worker ? [] : [`127.0.0.1:${server.port}`])
  })

  t.test(`${kind}: statsbeat: false leaves only the ingestion endpoint, via the proxy`, async t => {
    const { url, targets } = await proxy(t)
    const ended = await run(t, 'sends-for-long', { connectionString: AZURE, worker, statsbeat: false, watch }, { HTTPS_PROXY: url })
    t.match(ended, { code: 0, stderr: '' })
    t.same([...new Set(targets)], ['westeurope-5.in.applicationinsights.azure.com:443'])
    if (!worker) t.same(connections(ended.stdout), [url.slice('http://'.length)])
  })
}

t.test('these tests would notice other hosts: with statsbeat, some are contacted', async t => {
  const { url, targets } = await proxy(t)
  const ended = await run(t, 'sends-for-long', { connectionString: AZURE, worker: false, statsbeat: true, watch: true }, { HTTPS_PROXY: url })
  t.ok(new Set(targets).size > 1, targets.join())
  t.ok(connections(ended.stdout).length > 1, connections(ended.stdout).join())
})

t.test('NO_PROXY is respected', async t => {
  const { url, targets } = await proxy(t)
  const ended = await run(t, 'ends-on-error', { connectionString: AZURE, worker: false }, { HTTPS_PROXY: url, NO_PROXY: '.azure.com' })
  t.same(targets, [])
  t.same(connections(ended.stdout), ['westeurope-5.in.applicationinsights.azure.com:443'])
})
