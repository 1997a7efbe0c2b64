/**
 * Garbage collections of the main thread per request: node bench/collections.mjs [PEER …]
 * Twenty bursts of a thousand requests, from the start of the process on.
 */
import { setTimeout as wait } from 'node:timers/promises'
import { startApp, startIngestion, startLoad, within } from './processes.mjs'

const BURSTS = 20
const peers = process.argv.length > 2 ? process.argv.slice(2) : ['bare', 'ours', 'http-pino']
const [generator, ingestion] = await Promise.all([startLoad(), startIngestion({ latency: 150 })])
console.log(`Node.js ${process.version}`)
for (const peer of peers) {
  const app = await startApp(peer, ingestion.port)
  await app.ask('watchCollections')
  let requests = 0
  for (let burst = 0; burst < BURSTS; burst++) {
    const { answered } = await generator.ask('run', { port: app.port, connections: 32, letter: 'm', count: 1_000, first: requests })
    requests += answered
    await wait(100)
  }
  const { young, full, milliseconds } = await app.ask('collections')
  console.log(`${peer.padEnd(12)} ${(milliseconds * 1_000 / requests).toFixed(1).padStart(5)} µs per request, ${young} young and ${full} full collections`)
  app.ask('close').catch(() => {})
  await within(20_000, app.exited)
}
process.exit()
