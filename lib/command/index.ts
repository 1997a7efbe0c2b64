#!/usr/bin/env node
/** Command line → the command it names. */
import { check } from './check'
import { emulator } from './emulator'
import { query } from './query'

const COMMANDS: Record<string, (args: string[]) => Promise<number>> = { check, emulator, query }

const USAGE = `Usage: fastify-app-insights <command>

  emulator   runs Application Insights on this machine: an ingestion endpoint and a page that shows the rows
             fastify-app-insights emulator --help
  check      sends one row of each kind to Application Insights and shows its response
             fastify-app-insights check --help
  query      runs a KQL query on the running emulator
             fastify-app-insights query --help
`

async function main ([name = '', ...args]: string[]): Promise<number> {
  if (Object.hasOwn(COMMANDS, name)) return await COMMANDS[name](args)
  const asked = name === '--help' || name === '-h' || name === 'help'
  ;(asked ? process.stdout : process.stderr).write(USAGE)
  return asked ? 0 : 2
}

main(process.argv.slice(2)).then(code => { process.exitCode = code }, (error: unknown) => {
  process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n`)
  process.exitCode = 1
})
