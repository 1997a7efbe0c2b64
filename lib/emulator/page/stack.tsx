/** An exception's stack: the app's own frames first to the eye, those of Node.js and of packages folded away. */
import type { ExceptionDetail } from '../rows'

const FOREIGN = /node:|node_modules|<anonymous>$/

interface Part { foreign: boolean, lines: string[] }

export function Stack ({ detail, heading }: { detail: ExceptionDetail, heading: string }) {
  const text = detail.stack || framesOf(detail) || `${detail.typeName}: ${detail.message}`
  return (
    <section>
      <h3>{heading}</h3>
      <div class='stack'>
        {partsOf(text).map(({ foreign, lines }, index) => foreign && lines.length > 1
          ? <details key={index}><summary>{lines.length} frames of Node.js and packages</summary><pre>{lines.join('\n')}</pre></details>
          : <pre key={index} class={foreign ? 'foreign' : undefined}>{lines.join('\n')}</pre>)}
      </div>
    </section>
  )
}

function framesOf ({ parsedStack, typeName, message }: ExceptionDetail): string | undefined {
  if (!Array.isArray(parsedStack) || parsedStack.length === 0) return undefined
  return [`${typeName}: ${message}`, ...parsedStack.map(({ method, fileName, line }) => `    at ${method} (${fileName}:${line})`)].join('\n')
}

function partsOf (stack: string): Part[] {
  const parts: Part[] = []
  for (const line of stack.split('\n')) {
    const foreign = /^\s*at /.test(line) && FOREIGN.test(line)
    const last = parts.at(-1)
    if (last?.foreign === foreign) last.lines.push(line)
    else parts.push({ foreign, lines: [line] })
  }
  return parts
}
