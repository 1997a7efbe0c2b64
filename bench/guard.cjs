/** Loopback only: whatever a peer's SDK wants to tell its maker (settings, statistics, cloud metadata) is refused, and noted. */
'use strict'
const net = require('node:net')
const { isMainThread } = require('node:worker_threads')

const LOOPBACK = /^(?:localhost|127(?:\.\d{1,3}){3}|::1|\[::1\])$/
const refused = new Set()
const connect = net.Socket.prototype.connect

net.Socket.prototype.connect = function connectToLoopback (...args) {
  // net.connect() hands over its arguments as one array.
  const given = Array.isArray(args[0]) ? args[0][0] : args[0]
  const host = given !== null && typeof given === 'object' ? given.host ?? (given.path === undefined ? 'localhost' : undefined) : typeof args[1] === 'string' ? args[1] : 'localhost'
  if (host === undefined || LOOPBACK.test(host)) return connect.apply(this, args)
  refused.add(host)
  process.nextTick(() => this.destroy(Object.assign(new Error('bench: loopback only'), { code: 'ECONNREFUSED' })))
  return this
}

if (isMainThread) globalThis[Symbol.for('bench.refused')] = refused
