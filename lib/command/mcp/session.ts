/**
 * JSON-RPC messages of an MCP client → answers.
 * @see https://modelcontextprotocol.io/specification/2025-11-25
 */
import { isObject } from '../../emulator/fields'
import { ClientError } from '../client'

export interface ToolResult { content: Array<{ type: 'text', text: string }>, structuredContent?: object, isError?: boolean }

export interface Tool {
  readonly name: string
  readonly description: string
  readonly inputSchema: { readonly type: 'object', readonly properties: Readonly<Record<string, ArgumentSchema>>, readonly required?: readonly string[], readonly additionalProperties: false }
  run: (given: Readonly<Record<string, unknown>>, signal: AbortSignal) => Promise<{ text: string, data?: object }>
}

export interface ArgumentSchema { readonly type: 'string' | 'integer' | 'number' | 'boolean', readonly description: string, readonly minimum?: number, readonly maximum?: number, readonly enum?: readonly string[] }

type Id = string | number
interface Failure { code: number, message: string }

const { version } = require('../../../package.json') as { version: string }

/** Newest first. */
const PROTOCOLS = ['2025-11-25', '2025-06-18', '2025-03-26', '2024-11-05']
const PARSE_ERROR = -32700
const INVALID_REQUEST = -32600
const METHOD_NOT_FOUND = -32601
const INVALID_PARAMS = -32602
const INTERNAL_ERROR = -32603

const INSTRUCTIONS = 'Telemetry of the apps that run on this machine, as Azure Application Insights would store it. Begin with list_failures, ' +
  'then explain_operation with an operation id. Take a snapshot with compare before you change code, and compare with it afterwards.'

class RpcError extends Error {
  constructor (readonly code: number, message: string) {
    super(message)
  }
}

export interface Session {
  /** One line of input. */
  receive: (line: string) => void
  /** Resolves when everything received has been answered. */
  end: () => Promise<void>
}

export function createSession (tools: readonly Tool[], send: (message: object) => void): Session {
  const running = new Map<Id, AbortController>()
  const open = new Set<Promise<void>>()

  function receive (line: string): void {
    if (line.trim() === '') return
    let message: unknown
    try {
      message = JSON.parse(line)
    } catch {
      send(failure(null, { code: PARSE_ERROR, message: 'Parse error: expected one JSON message a line' }))
      return
    }
    const answered = (Array.isArray(message) && message.length > 0 ? batch(message) : one(message)).then(answer => { if (answer !== undefined) send(answer) })
    open.add(answered)
    void answered.finally(() => open.delete(answered))
  }

  /** Protocol 2025-03-26 has batches. */
  async function batch (messages: unknown[]): Promise<object | undefined> {
    const answers = (await Promise.all(messages.map(one))).filter(answer => answer !== undefined)
    return answers.length === 0 ? undefined : answers
  }

  async function one (message: unknown): Promise<object | undefined> {
    if (!isObject(message) || message.jsonrpc !== '2.0') return failure(null, { code: INVALID_REQUEST, message: 'Invalid request: expected a JSON-RPC 2.0 message' })
    const { id, method, params } = message
    // An answer to a request that we never sent.
    if (method === undefined && ('result' in message || 'error' in message)) return undefined
    const isRequest = typeof id === 'string' || typeof id === 'number'
    if (typeof method !== 'string' || (id !== undefined && !isRequest)) return failure(isRequest ? id : null, { code: INVALID_REQUEST, message: 'Invalid request: method must be a string, id a string or a number' })
    if (!isRequest) {
      if (method === 'notifications/cancelled' && isObject(params)) running.get(params.requestId as Id)?.abort()
      return undefined
    }
    const controller = new AbortController()
    running.set(id, controller)
    try {
      const result = await call(method, params, controller.signal)
      return controller.signal.aborted ? undefined : { jsonrpc: '2.0', id, result }
    } catch (error) {
      // Nobody is waiting for the answer to a cancelled request.
      if (controller.signal.aborted) return undefined
      return failure(id, error instanceof RpcError ? { code: error.code, message: error.message } : { code: INTERNAL_ERROR, message: `Internal error: ${(error as Error).message}` })
    } finally {
      running.delete(id)
    }
  }

  async function call (method: string, params: unknown, signal: AbortSignal): Promise<object> {
    switch (method) {
      case 'initialize': return initialized(params)
      case 'ping': return {}
      case 'tools/list': return { tools: tools.map(({ name, description, inputSchema }) => ({ name, description, inputSchema, annotations: { readOnlyHint: true } })) }
      case 'tools/call': return await callTool(tools, params, signal)
      default: throw new RpcError(METHOD_NOT_FOUND, `Method not found: ${method}`)
    }
  }

  return {
    receive,
    async end () { while (open.size > 0) await Promise.all(open) }
  }
}

async function callTool (tools: readonly Tool[], params: unknown, signal: AbortSignal): Promise<ToolResult> {
  const tool = isObject(params) ? tools.find(({ name }) => name === params.name) : undefined
  if (tool === undefined) throw new RpcError(INVALID_PARAMS, `Unknown tool: ${isObject(params) ? String(params.name) : ''}`)
  const given = (params as { arguments?: unknown }).arguments ?? {}
  const problem = problemOf(given, tool)
  // Mistakes that the model can fix are results, not protocol errors.
  if (problem !== undefined) return failed(`Invalid arguments of ${tool.name}: ${problem}`)
  try {
    const { text, data } = await tool.run(given as Record<string, unknown>, signal)
    return { content: [{ type: 'text', text }], ...(data === undefined ? {} : { structuredContent: data }) }
  } catch (error) {
    if (error instanceof ClientError) return failed(error.message)
    throw error
  }
}

function initialized (params: unknown): object {
  const asked = isObject(params) ? params.protocolVersion : undefined
  if (typeof asked !== 'string') throw new RpcError(INVALID_PARAMS, 'Invalid params: protocolVersion must be a string')
  return {
    protocolVersion: PROTOCOLS.includes(asked) ? asked : PROTOCOLS[0],
    capabilities: { tools: { listChanged: false } },
    serverInfo: { name: 'fastify-app-insights', title: 'Application Insights emulator', version },
    instructions: INSTRUCTIONS
  }
}

function problemOf (args: unknown, { inputSchema }: Tool): string | undefined {
  if (!isObject(args)) return 'expected an object'
  const missing = inputSchema.required?.find(name => args[name] === undefined)
  if (missing !== undefined) return `${missing} is missing`
  for (const [name, value] of Object.entries(args)) {
    if (!Object.hasOwn(inputSchema.properties, name)) return `${name} is not known`
    const { type, minimum = -Infinity, maximum = Infinity, enum: allowed } = inputSchema.properties[name]
    const given: string = typeof value
    const fits = type === 'integer' ? Number.isSafeInteger(value) : given === type
    if (!fits) return `${name} must be of type ${type}`
    if (typeof value === 'number' && (value < minimum || value > maximum)) return `${name} must be from ${minimum} to ${maximum}`
    if (allowed !== undefined && !allowed.includes(value as string)) return `${name} must be one of ${allowed.join(', ')}`
  }
  return undefined
}

function failed (text: string): ToolResult {
  return { content: [{ type: 'text', text }], isError: true }
}

function failure (id: Id | null, error: Failure): object {
  return { jsonrpc: '2.0', id, error }
}
