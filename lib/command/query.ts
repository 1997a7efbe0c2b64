/** `fastify-app-insights query`: a KQL query → the running emulator's answer, as a table, JSON or CSV. */
import { text as textOf } from 'node:stream/consumers'
import { readArguments, wrongUsage } from './arguments'
import { ClientError, DEFAULT_URL, EmulatorClient } from './client'
import { csv, objects, table, type Answer } from './tables'

const USAGE = `Usage: fastify-app-insights query '<kql>' [options]

  Runs a KQL query on the running emulator. Use - to read the query from standard input.
  Requires @kusto/language-service-next where the emulator runs.
  Exits with 0 on success, 1 if the query is invalid or no emulator answers, 2 for wrong usage.

  --url <url>       the emulator's address (default http://127.0.0.1:4319)
  --json            print a list of objects, one per line
  --csv             print comma-separated values with a header line
  --help            show this text

  fastify-app-insights query 'requests | where success == false | summarize count() by name, resultCode'
`

const OPTIONS = {
  url: { type: 'string', default: DEFAULT_URL },
  json: { type: 'boolean' },
  csv: { type: 'boolean' },
  help: { type: 'boolean', short: 'h' }
} as const

export async function query (args: string[]): Promise<number> {
  const parsed = readArguments(args, USAGE, OPTIONS, Infinity)
  if (typeof parsed === 'number') return parsed
  const { values, positionals } = parsed
  if (positionals.length === 0) return wrongUsage('Which query?', USAGE)
  if (positionals.length > 1) return wrongUsage('More than one query: put it in quotes', USAGE)
  if (values.json && values.csv) return wrongUsage('Give --json or --csv, not both', USAGE)
  const kql = positionals[0] === '-' ? await textOf(process.stdin) : positionals[0]

  let answer: Answer
  try {
    answer = await new EmulatorClient(values.url).query(kql)
  } catch (error) {
    if (!(error instanceof ClientError)) throw error
    process.stderr.write(`${error.message}\n`)
    return 1
  }
  process.stdout.write(values.json ? objects(answer) : values.csv ? csv(answer) : table(answer, process.stdout.columns))
  return 0
}
