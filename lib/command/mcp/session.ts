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

/** One client, from its first message to the end of its input. */
export class Session {
  readonly #tools: readonly Tool[]
  readonly #send: (message: object) => void
  /** Requests that are being answered. */
  readonly #running = new Map<Id, AbortController>()
  readonly #open = new Set<Promise<void>>()

  constructor (tools: readonly Tool[], send: (message: object) => void) {
    this.#tools = tools
    this.#send = send
  }

  /** One line of input. */
  receive (line: string): void {
    if (line.trim() === '') return
    let message: unknown
    try {
      message = JSON.parse(line)
    } catch {
      this.#send(failure(null, { code: PARSE_ERROR, message: 'Parse error: expected one JSON message a line' }))
      return
    }
    const answer = Array.isArray(message) && message.length > 0 ? this.#batch(message) : this.#one(message)
    const answered = answer.then(result => { if (result !== undefined) this.#send(result) })
    this.#open.add(answered)
    void answered.finally(() => this.#open.delete(answered))
  }

  /** Resolves when everything received has been answered. */
  async end (): Promise<void> {
    while (this.#open.size > 0) await Promise.all(this.#open)
  }

  /** Protocol 2025-03-26 has them. */
  async #batch (messages: unknown[]): Promise<object | undefined> {
    const answers = (await Promise.all(messages.map(async message => await this.#one(message)))).filter(answer => answer !== undefined)
    return answers.length === 0 ? undefined : answers
  }

  async #one (message: unknown): Promise<object | undefined> {
    if (!isObject(message) || message.jsonrpc !== '2.0') return failure(null, { code: INVALID_REQUEST, message: 'Invalid request: expected a JSON-RPC 2.0 message' })
    const { id, method, params } = message
    // An answer to a request that we never sent.
    if (method === undefined && ('result' in message || 'error' in message)) return undefined
    const isRequest = typeof id === 'string' || typeof id === 'number'
    if (typeof method !== 'string' || (id !== undefined && !isRequest)) return failure(isRequest ? id : null, { code: INVALID_REQUEST, message: 'Invalid request: method must be a string, id a string or a number' })
    if (isRequest) return await this.#answer(id, method, params)
    if (method === 'notifications/cancelled' && isObject(params)) this.#running.get(params.requestId as Id)?.abort()
    return undefined
  }

  async #answer (id: Id, method: string, params: unknown): Promise<object | undefined> {
    const controller = new AbortController()
    this.#running.set(id, controller)
    try {
      const result = await this.#call(method, params, controller.signal)
      return controller.signal.aborted ? undefined : { jsonrpc: '2.0', id, result }
    } catch (error) {
      // Nobody is waiting for the answer to a cancelled request.
      if (controller.signal.aborted) return undefined
      return failure(id, error instanceof RpcError ? { code: error.code, message: error.message } : { code: INTERNAL_ERROR, message: `Internal error: ${(error as Error).message}` })
    } finally {
      this.#running.delete(id)
    }
  }

  async #call (method: string, params: unknown, signal: AbortSignal): Promise<object> {
    switch (method) {
      case 'initialize': return initialized(params)
      case 'ping': return {}
      case 'tools/list': return { tools: this.#tools.map(({ name, description, inputSchema }) => ({ name, description, inputSchema, annotations: { readOnlyHint: true } })) }
      case 'tools/call': return await this.#callTool(params, signal)
      default: throw new RpcError(METHOD_NOT_FOUND, `Method not found: ${method}`)
    }
  }

  async #callTool (params: unknown, signal: AbortSignal): Promise<ToolResult> {
    const tool = isObject(params) ? this.#tools.find(({ name }) => name === params.name) : undefined
    if (tool === undefined) throw new RpcError(INVALID_PARAMS, `Unknown tool: ${isObject(params) ? String(params.name) : ''}`)
    const given = (params as { arguments?: unknown }).arguments ?? {}
    const problem = problemOf(given, tool)
    // What the model can put right is a result, not a failure of the protocol.
    if (problem !== undefined) return failed(`Invalid arguments of ${tool.name}: ${problem}`)
    try {
      const { text, data } = await tool.run(given as Record<string, unknown>, signal)
      return { content: [{ type: 'text', text }], ...(data === undefined ? {} : { structuredContent: data }) }
    } catch (error) {
      if (error instanceof ClientError) return failed(error.message)
      throw error
    }
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
