/**
 * Loopback only, in every thread of the app. Connections to Azure's telemetry hosts are led to the scripted endpoint; any
 * other is refused. Whatever an SDK wants to reach beside its ingestion endpoint is noted.
 */
'use strict'
const { appendFileSync } = require('node:fs')
const net = require('node:net')
const workers = require('node:worker_threads')

const LOOPBACK = /^(?:localhost|127(?:\.\d{1,3}){3}|::1|\[::1\])$/
const AZURE = /\.(?:in\.applicationinsights|livediagnostics\.monitor|sdk\.monitor)\.azure\.com$/
const { BENCH_HOST, BENCH_PORT, BENCH_OTHERS } = process.env
const connect = net.Socket.prototype.connect

net.Socket.prototype.connect = function connectToLoopback (...args) {
  // net.connect() hands over its arguments as one array.
  const [given, ...rest] = Array.isArray(args[0]) ? args[0] : args
  const options = typeof given === 'object' && given !== null ? given : { port: given, host: typeof rest[0] === 'string' ? rest[0] : undefined }
  const { host = 'localhost', path } = options
  if (path != null || LOOPBACK.test(host)) return connect.apply(this, args)
  if (host !== BENCH_HOST) appendFileSync(BENCH_OTHERS, `${host}\n`)
  if (AZURE.test(host)) return connect.call(this, { ...options, host: '127.0.0.1', port: BENCH_PORT }, rest.find(each => typeof each === 'function'))
  process.nextTick(() => this.destroy(Object.assign(new Error('bench: loopback only'), { code: 'ECONNREFUSED' })))
  return this
}

workers.Worker = class extends workers.Worker {
  constructor (file, options = {}) {
    // A worker with flags of its own would not be profiled, see profile.mjs.
    const profiled = process.execArgv.filter(flag => flag.startsWith('--cpu-prof'))
    super(file, { ...options, execArgv: ['--require', __filename, ...profiled, ...options.execArgv ?? []] })
  }
}
