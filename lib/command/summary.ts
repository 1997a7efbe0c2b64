/** Rows → one line per operation for the terminal, once the operation has settled. */
import type { Row } from '../emulator'
import { printable } from '../emulator/line'

/** An operation's rows arrive in several posts: how long to wait for the rest, in milliseconds. */
const SETTLE = 1_500
const MAX_OPEN = 1_000

interface Open {
  request?: Row
  counts: Record<string, number>
  timer: NodeJS.Timeout
}

export function createSummary (url: string, print: (line: string) => void, colour: boolean) {
  const open = new Map<string, Open>()

  function end (id: string): void {
    const operation = open.get(id)
    if (!operation) return
    clearTimeout(operation.timer)
    open.delete(id)
    print(lineOf(id, operation))
  }

  function lineOf (id: string, { request, counts }: Open): string {
    const paint = (code: number, text: string) => colour ? `\u001b[${code}m${text}\u001b[0m` : text
    const rest = Object.entries(counts).map(([type, count]) => `${count} ${NAMES[type]?.[count === 1 ? 0 : 1] ?? type}`).join(', ')
    const page = paint(2, `${url}/#/operation?id=${encodeURIComponent(id)}`)
    if (!request) return `${' '.repeat(8)}  ---  ${rest}  ${page}`
    const clock = new Date(request.timestamp).toTimeString().slice(0, 8)
    const code = printable(request.resultCode || '---').slice(0, 3).padStart(3)
    return [
      paint(2, clock),
      paint(request.success === false ? 31 : 32, code),
      printable(request.name || '(no name)'),
      `${(request.duration ?? 0).toFixed(1)} ms`,
      ...(rest === '' ? [] : [rest]),
      page
    ].join('  ')
  }

  return {
    add (rows: Row[]): void {
      for (const row of rows) {
        const id = row.operation_Id
        if (id === undefined) continue
        let operation = open.get(id)
        if (!operation) {
          // Under load, the oldest operation gets its line early.
          if (open.size >= MAX_OPEN) end(open.keys().next().value as string)
          operation = { counts: {}, timer: setTimeout(() => end(id), SETTLE) }
          open.set(id, operation)
        }
        // The earliest request names the operation; the others are its hops.
        if (row.type === 'request' && (!operation.request || row.timestamp < operation.request.timestamp)) {
          if (operation.request) operation.counts.request = (operation.counts.request ?? 0) + 1
          operation.request = row
        } else operation.counts[row.type] = (operation.counts[row.type] ?? 0) + 1
      }
    },
    close (): void {
      for (const id of [...open.keys()]) end(id)
    }
  }
}

const NAMES: Record<string, [one: string, many: string]> = {
  request: ['more request', 'more requests'],
  dependency: ['dependency', 'dependencies'],
  trace: ['log', 'logs'],
  exception: ['exception', 'exceptions'],
  event: ['event', 'events'],
  metric: ['metric', 'metrics'],
  pageView: ['page view', 'page views']
}
