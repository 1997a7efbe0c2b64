/** `fastify-app-insights emulator`: starts it, says where it is, runs until it is told to stop. */
import { once } from 'node:events'
import { parseArgs } from 'node:util'
import { startEmulator } from '../emulator'

const USAGE = `Usage: fastify-app-insights emulator [options]

  --port <number>  port on 127.0.0.1, 0 for any free one (default 4319)
  --help           this text
`

export async function emulator (args: string[]): Promise<number> {
  let values
  try {
    values = parseArgs({ args, options: { port: { type: 'string', default: '4319' }, help: { type: 'boolean', short: 'h' } } }).values
  } catch (error) {
    process.stderr.write(`${(error as Error).message}\n\n${USAGE}`)
    return 2
  }
  if (values.help) {
    process.stdout.write(USAGE)
    return 0
  }
  const port = Number(values.port)
  if (!/^\d+$/.test(values.port) || port > 65_535) {
    process.stderr.write(`--port must be a whole number from 0 to 65535\n\n${USAGE}`)
    return 2
  }

  // Listened for first: who waits for the lines below may stop us at once.
  const stop = stopped()
  let started
  try {
    started = await startEmulator({ port })
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EADDRINUSE') throw error
    process.stderr.write(`Port ${port} is in use: is the emulator already running? Choose another with --port\n`)
    return 1
  }
  process.stdout.write(`Application Insights emulator: ${started.url}\nConnection string: ${started.connectionString}\nStop with Ctrl-C.\n`)
  await stop
  await started.close()
  return 0
}

async function stopped (): Promise<void> {
  await Promise.race([once(process, 'SIGINT'), once(process, 'SIGTERM')])
}
