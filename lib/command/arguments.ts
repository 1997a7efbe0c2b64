/** A command's arguments → its options and positionals, or an exit code after printing help or an error. */
import { type ParseArgsConfig, parseArgs } from 'node:util'

type Options = NonNullable<ParseArgsConfig['options']>
type Parsed<T extends Options> = ReturnType<typeof parseArgs<{ options: T, allowPositionals: true }>>

/** @returns an exit code if there is nothing left to do: 0 after --help, 2 after reporting wrong usage */
export function readArguments<T extends Options> (args: string[], usage: string, options: T, maxPositionals = 0): Parsed<T> | number {
  let parsed: Parsed<T>
  try {
    parsed = parseArgs({ args, options, allowPositionals: true })
  } catch (error) {
    // Node.js adds how to pass a positional that begins with a dash; no command has one.
    return wrongUsage((error as Error).message.replace(/\. To specify .*/s, ''), usage)
  }
  if ((parsed.values as { help?: boolean }).help === true) {
    process.stdout.write(usage)
    return 0
  }
  const { url } = parsed.values as { url?: string }
  if (url !== undefined && !/^https?:$/.test(protocolOf(url))) return wrongUsage('--url must be an address such as http://127.0.0.1:4319', usage)
  if (parsed.positionals.length > maxPositionals) return wrongUsage(`Unexpected argument '${parsed.positionals[maxPositionals]}'`, usage)
  return parsed
}

export function wrongUsage (problem: string, usage: string): 2 {
  process.stderr.write(`${problem}\n\n${usage}`)
  return 2
}

function protocolOf (url: string): string {
  return URL.canParse(url) ? new URL(url).protocol : ''
}
