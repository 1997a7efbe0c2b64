/** `fastify-app-insights mcp`: a Model Context Protocol server over standard input and output, for the running emulator. */
import { readArguments } from '../arguments'
import { DEFAULT_URL, EmulatorClient } from '../client'
import { createSession } from './session'
import { createTools } from './tools'

const USAGE = `Usage: fastify-app-insights mcp [options]

  A Model Context Protocol server over standard input and output: an assistant asks the running emulator what failed.
  Its tools: list_failures, explain_operation, query, tail, compare. Ends when its input ends.

  --url <url>  the emulator's address (default ${DEFAULT_URL})
  --help       this text
`

const OPTIONS = { url: { type: 'string', default: DEFAULT_URL }, help: { type: 'boolean', short: 'h' } } as const

export async function mcp (args: string[]): Promise<number> {
  const parsed = readArguments(args, USAGE, OPTIONS)
  if (typeof parsed === 'number') return parsed
  const session = createSession(createTools(new EmulatorClient(parsed.values.url)), message => { process.stdout.write(`${JSON.stringify(message)}\n`) })
  // The client has disconnected.
  process.stdout.on('error', () => process.exit(0))
  let rest = ''
  process.stdin.setEncoding('utf8')
  for await (const chunk of process.stdin) {
    const lines = (rest + String(chunk)).split('\n')
    rest = lines.pop()!
    for (const line of lines) session.receive(line)
  }
  session.receive(rest)
  await session.end()
  return 0
}
