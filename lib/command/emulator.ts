/** `fastify-app-insights emulator`: starts it, prints its address, and runs until it is stopped. */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { startEmulator } from '../emulator'
import { readArguments, wrongUsage } from './arguments'
import { createSummary } from './summary'

const USAGE = `Usage: fastify-app-insights emulator [options]

  --port <number>  port on 127.0.0.1, or 0 for any free port (default 4319)
  --file <path>    keep rows in this file across restarts, one envelope per line
  --lenient        keep rows that Azure would refuse
  --open           open the page in the browser
  --json           print each row as one line of JSON, for scripts and agents
  --quiet          don't print a line per operation
  --help           show this text
`

const OPTIONS = {
  port: { type: 'string', default: '4319' },
  file: { type: 'string' },
  lenient: { type: 'boolean' },
  open: { type: 'boolean' },
  json: { type: 'boolean' },
  quiet: { type: 'boolean' },
  help: { type: 'boolean', short: 'h' }
} as const

export async function emulator (args: string[]): Promise<number> {
  const parsed = readArguments(args, USAGE, OPTIONS)
  if (typeof parsed === 'number') return parsed
  const { values } = parsed
  const port = Number(values.port)
  if (!/^\d+$/.test(values.port) || port > 65_535) return wrongUsage('--port must be a whole number from 0 to 65535', USAGE)

  // Listen first: whoever waits for the lines below may stop us at once.
  const stop = stopped()
  let started
  try {
    started = await startEmulator({ port, file: values.file, lenient: values.lenient })
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EADDRINUSE') throw error
    process.stderr.write(`Port ${port} is in use. Is the emulator already running? Choose another port with --port\n`)
    return 1
  }
  const { url, connectionString } = started
  const about = `Application Insights emulator: ${url}\nConnection string: ${connectionString}\nStop with Ctrl-C.\n`
  const summary = createSummary(url, line => process.stdout.write(`${line}\n`), process.stdout.isTTY && !process.env.NO_COLOR)
  if (values.json) {
    // Standard output is reserved for rows.
    process.stderr.write(about)
    started.listen(rows => {
      // Leave out the envelope: it is on the page, and would double every line.
      process.stdout.write(rows.map(row => `${JSON.stringify({ ...row, envelope: undefined })}\n`).join(''))
    })
  } else {
    process.stdout.write(about)
    if (!values.quiet) started.listen(summary.add)
  }
  if (values.open) openPage(url)
  await stop
  summary.close()
  await started.close()
  return 0
}

async function stopped (): Promise<void> {
  await Promise.race([
    once(process, 'SIGINT'),
    once(process, 'SIGTERM'),
    // The pipe's reader has gone, so there is nobody left to print for.
    new Promise<void>(resolve => { process.stdout.once('error', () => resolve()) })
  ])
}

/** If there is no browser, the printed address will do. */
function openPage (url: string): void {
  const [command, ...args] = process.platform === 'darwin' ? ['open', url] : process.platform === 'win32' ? ['cmd', '/c', 'start', '', url] : ['xdg-open', url]
  spawn(command, args, { stdio: 'ignore', detached: true }).on('error', () => {}).unref()
}
