/** `fastify-app-insights check --cost`: the running emulator's rows → their size, their cost, and possible savings. */
import { kindOf, type Envelope } from '../emulator/rows'
import { readArguments, wrongUsage } from './arguments'
import { ClientError, DEFAULT_URL, EmulatorClient } from './client'
import { Scales, type Sizes } from './sizes'
import { table } from './tables'

const USAGE = `Usage: fastify-app-insights check --cost [options]

  Weighs the rows of the running emulator: bytes per request, table, operation and column, and what options would save.
  Bytes are those of the rows as sent, as JSON. Azure bills what it stores, which is near to that, but not the same: it
  leaves out the envelope's own words and adds columns. Compare with _BilledSize once you are in production.

  --price <number>  of one GB (10^9 bytes), in your currency: see your region's price of Log Analytics
  --json            the same as JSON
  --url <url>       the emulator's address (default ${DEFAULT_URL})
  --help            this text
`

const OPTIONS = {
  cost: { type: 'boolean' },
  price: { type: 'string' },
  json: { type: 'boolean' },
  url: { type: 'string', default: DEFAULT_URL },
  help: { type: 'boolean', short: 'h' }
} as const

const MILLION = 1_000_000
const GIGABYTE = 1_000_000_000
const SHOWN = 10

export async function cost (args: string[]): Promise<number> {
  const parsed = readArguments(args, USAGE, OPTIONS)
  if (typeof parsed === 'number') return parsed
  const price = parsed.values.price === undefined ? undefined : Number(parsed.values.price)
  if (price !== undefined && !(price >= 0 && price < Infinity)) return wrongUsage('--price must be a number, such as 2.76', USAGE)
  try {
    const sizes = await weigh(new EmulatorClient(parsed.values.url))
    if (sizes.rows === 0) throw new ClientError('The emulator has no rows yet: send your app some requests first')
    process.stdout.write(parsed.values.json ? `${JSON.stringify({ ...sizes, price }, null, 2)}\n` : costText(sizes, price))
    return 0
  } catch (error) {
    if (!(error instanceof ClientError)) throw error
    process.stderr.write(`${error.message}\n`)
    return 1
  }
}

async function weigh (client: EmulatorClient): Promise<Sizes> {
  const scales = new Scales()
  for await (const line of client.envelopes()) {
    if (line === '') continue
    const envelope = JSON.parse(line) as Envelope
    const kind = kindOf(envelope.data?.baseType)
    if (kind !== undefined) scales.add(kind, envelope, Buffer.byteLength(line))
  }
  return scales.sizes()
}

export function costText (sizes: Sizes, price: number | undefined): string {
  const { rows, bytes, requests, tables, operations, columns, savings } = sizes
  const perRequest = (part: number): number => requests === 0 ? 0 : part / requests
  // Bytes per request are megabytes per million requests.
  const money = (part: number): string => price === undefined ? '' : (perRequest(part) * MILLION / GIGABYTE * price).toFixed(2)
  const priced = price === undefined ? [] : ['per million requests']
  const section = (title: string, columns: string[], lines: unknown[][]): string => table({
    columns: [title, ...columns].map((name, index) => ({ name, type: index === 0 ? 'string' : 'real' })), rows: lines
  }, process.stdout.columns).replace(/\d+ rows?\n$/, '')
  const withMoney = (line: unknown[], part: number): unknown[] => price === undefined ? line : [...line, money(part)]

  return [
    `${rows} rows of ${requests} requests: ${size(bytes)}${requests === 0 ? '' : `, ${size(perRequest(bytes))} per request`}` +
    (price === undefined || requests === 0 ? '' : `, ${money(bytes)} per million requests at ${price} per GB`),
    section('table', ['rows', 'bytes', 'per row', 'per request', ...priced], tables.map(({ name, rows, bytes }) =>
      withMoney([name, rows, size(bytes), size(bytes / rows), size(perRequest(bytes))], bytes))),
    section('operation', ['requests', 'bytes', 'share'], operations.slice(0, SHOWN).map(({ name, requests, bytes: part }) => [name, requests, size(part), percent(part / bytes)])),
    section('column', ['bytes', 'share'], columns.slice(0, SHOWN).map(({ name, bytes: part }) => [name, size(part), percent(part / bytes)])),
    section('what would save', ['share', ...priced], savings.map(({ option, bytes: part }) => withMoney([option, percent(part / bytes)], part))),
    price === undefined ? 'With --price <per GB>, the same in money.\n' : ''
  ].filter(part => part !== '').join('\n')
}

function size (bytes: number): string {
  if (bytes >= 1e9) return `${(bytes / 1e9).toFixed(2)} GB`
  if (bytes >= 1e6) return `${(bytes / 1e6).toFixed(2)} MB`
  return bytes >= 10_000 ? `${(bytes / 1e3).toFixed(1)} kB` : `${Math.round(bytes)} B`
}

function percent (share: number): string {
  return `${(share * 100).toFixed(1)} %`
}
