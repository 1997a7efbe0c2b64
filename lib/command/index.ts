#!/usr/bin/env node
/** Command line → the command it names. */
import { check } from './check'
import { emulator } from './emulator'
import { explain } from './explain'
import { mcp } from './mcp'
import { query } from './query'

const COMMANDS: Record<string, (args: string[]) => Promise<number>> = { check, emulator, query, explain, mcp }

// Outside lib, which is the compiler's root.
const { version } = require('../../package.json') as { version: string }

const USAGE = `Usage: fastify-app-insights <command>

  emulator   runs Application Insights on this machine: an ingestion endpoint and a page that shows the rows
  check      sends one row of each kind to Application Insights and shows its response; --cost shows what rows cost
  query      runs a KQL query on the running emulator
  explain    explains what happened in one operation, or in the last one that failed
  mcp        lets an AI assistant query the running emulator, over the Model Context Protocol

  fastify-app-insights <command> --help
  fastify-app-insights --version
`

async function main ([name = '', ...args]: string[]): Promise<number> {
  if (Object.hasOwn(COMMANDS, name)) return await COMMANDS[name](args)
  if (name === '--version' || name === '-v') {
    process.stdout.write(`${version}\n`)
    return 0
  }
  if (name === '--help' || name === '-h' || name === 'help') {
    process.stdout.write(USAGE)
    return 0
  }
  const problem = name === '' ? 'Which command?' : `Unknown ${name.startsWith('-') ? 'option' : 'command'} '${name}'${suggestion(name)}`
  process.stderr.write(`${problem}\n\n${USAGE}`)
  return 2
}

/** A command that differs by one letter added, missing, changed or swapped with its neighbor. */
function suggestion (name: string): string {
  const near = Object.keys(COMMANDS).find(command => command.startsWith(name) || distance(command, name) <= 2)
  return near === undefined ? '' : `: did you mean ${near}?`
}

function distance (one: string, other: string): number {
  let row = Array.from({ length: other.length + 1 }, (_, index) => index)
  for (let i = 1; i <= one.length; i++) {
    const next = [i]
    for (let j = 1; j <= other.length; j++) next[j] = Math.min(row[j] + 1, next[j - 1] + 1, row[j - 1] + Number(one[i - 1] !== other[j - 1]))
    row = next
  }
  return row[other.length]
}

for (const stream of [process.stdout, process.stderr]) {
  stream.on('error', (error: NodeJS.ErrnoException) => {
    // `| head` has read enough: that is how a pipe ends, not a failure.
    if (error.code === 'EPIPE') return
    process.exitCode = 1
    if (stream === process.stdout) process.stderr.write(`The output can't be written: ${error.message}\n`)
  })
}

main(process.argv.slice(2)).then(code => { process.exitCode ||= code }, (error: unknown) => {
  process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n`)
  process.exitCode = 1
})
