/** `fastify-app-insights query`: a KQL query → the running emulator's answer, as a table, JSON or CSV. */
import { request } from 'node:http'
import { text as textOf } from 'node:stream/consumers'
import { parseArgs } from 'node:util'
import { wrongUsage } from './arguments'
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
  url: { type: 'string', default: 'http://127.0.0.1:4319' },
  json: { type: 'boolean' },
  csv: { type: 'boolean' },
  help: { type: 'boolean', short: 'h' }
} as const

export async function query (args: string[]): Promise<number> {
  let parsed
  try {
    parsed = parseArgs({ args, options: OPTIONS, allowPositionals: true })
  } catch (error) {
    process.stderr.write(`${(error as Error).message}\n\n${USAGE}`)
    return 2
  }
  const { values, positionals } = parsed
  if (values.help) {
    process.stdout.write(USAGE)
    return 0
  }
  if (positionals.length === 0) return wrongUsage('Which query?', USAGE)
  if (positionals.length > 1) return wrongUsage('More than one query: put it in quotes', USAGE)
  if (!URL.canParse(values.url)) return wrongUsage('--url must be an address such as http://127.0.0.1:4319', USAGE)
  if (values.json && values.csv) return wrongUsage('Give --json or --csv, not both', USAGE)
  const kql = positionals[0] === '-' ? await textOf(process.stdin) : positionals[0]

  let answer: Answer | { error: string }
  try {
    answer = await ask(new URL('/api/query', values.url), kql)
  } catch (error) {
    process.stderr.write(`No emulator answers at ${values.url} (${(error as NodeJS.ErrnoException).code ?? (error as Error).message}). Start one with: npx fastify-app-insights emulator\n`)
    return 1
  }
  if ('error' in answer) {
    process.stderr.write(`${answer.error}\n`)
    return 1
  }
  process.stdout.write(values.json ? objects(answer) : values.csv ? csv(answer) : table(answer, process.stdout.columns))
  return 0
}

async function ask (url: URL, kql: string): Promise<Answer | { error: string }> {
  const sent = request(url, { method: 'POST', headers: { 'content-type': 'application/json' } })
  const response = new Promise<string>((resolve, reject) => {
    sent.once('error', reject)
    sent.once('response', incoming => { textOf(incoming).then(resolve, reject) })
  })
  sent.end(JSON.stringify({ query: kql }))
  const body: unknown = JSON.parse(await response)
  return body as Answer | { error: string }
}
