/** `fastify-app-insights explain`: the story of one operation, from the running emulator. */
import { readArguments, wrongUsage } from './arguments'
import { ClientError, DEFAULT_URL, EmulatorClient } from './client'
import { type Story, storyOf, storyText } from './story'

const USAGE = `Usage: fastify-app-insights explain [operationId | --last-failure] [options]

  Tells what happened in one operation: what was asked, what failed and where, what was logged and called.
  Without an operation id, it is the last that failed. Plain text, made to be pasted into an issue or an assistant.
  Exits with 0 where there is an operation, with 1 where there is none or no emulator answers, with 2 for wrong usage.

  --last-failure  the operation that failed last; one answered with 4xx only where there is no other
  --json          the same as JSON
  --url <url>     the emulator's address (default ${DEFAULT_URL})
  --help          this text
`

const OPTIONS = {
  'last-failure': { type: 'boolean' },
  json: { type: 'boolean' },
  url: { type: 'string', default: DEFAULT_URL },
  help: { type: 'boolean', short: 'h' }
} as const

/** Maximum rows read for one operation. */
const MAX_ROWS = 5_000

export async function explain (args: string[]): Promise<number> {
  const parsed = readArguments(args, USAGE, OPTIONS, 1)
  if (typeof parsed === 'number') return parsed
  const { values, positionals } = parsed
  if (positionals.length > 0 && values['last-failure']) return wrongUsage('Give an operation id or --last-failure, not both', USAGE)
  try {
    const story = await tell(new EmulatorClient(values.url), positionals[0])
    const isColoured = process.stdout.isTTY && !process.env.NO_COLOR
    process.stdout.write(values.json
      ? `${JSON.stringify(story, null, 2)}\n`
      : storyText(story, isColoured ? (code, text) => `\u001b[${code}m${text}\u001b[0m` : undefined))
    return 0
  } catch (error) {
    if (!(error instanceof ClientError)) throw error
    process.stderr.write(`${error.message}\n`)
    return 1
  }
}

/**
 * @param operationId undefined for the last one that failed
 * @throws ClientError if there is no such operation
 */
export async function tell (client: EmulatorClient, operationId: string | undefined, signal?: AbortSignal): Promise<Story> {
  const id = operationId ?? await client.lastFailure(signal)
  if (id === undefined) throw new ClientError('Nothing has failed so far')
  const rows = await client.rows({ operation: id }, MAX_ROWS, { signal })
  if (rows.length === 0) throw new ClientError('There are no rows of this operation: the id is the trace id, 32 hexadecimal digits, and only what the emulator still keeps can be explained')
  return storyOf(id, rows, client.pageOf(id))
}
