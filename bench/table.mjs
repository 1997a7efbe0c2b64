/** Results → rows of text, for the terminal and for the docs. */

const number = (value, digits = 0) => value === null || value === undefined || Number.isNaN(value) ? '–' : value.toLocaleString('en', { minimumFractionDigits: digits, maximumFractionDigits: digits })
const percent = value => value === null || value === undefined ? '–' : value >= 0.99995 ? '100 %' : `${(Math.floor(value * 1_000) / 10).toFixed(1)} %`
const seconds = value => value === null || value === undefined ? '–' : `${number(value / 1_000, value < 10_000 ? 1 : 0)} s`
const middle = given => given?.median

/** A spread as text: the median, and from where to where. */
export function withSpread (given, text) {
  if (given === null || given === undefined) return '–'
  return given.rounds < 2 ? text(given.median) : `${text(given.median)} (${text(given.low)} – ${text(given.high)})`
}

export const text = { number, percent, seconds }

/** What came at once, and what a restarted process brought. */
export function survived ({ later, ...atOnce }) {
  const say = ({ requests, logs, exceptions }) => `${percent(requests)} requests, ${percent(logs)} logs, ${exceptions > 0 ? 'the error' : 'no error'}`
  return later === undefined || (later.requests <= atOnce.requests && later.logs <= atOnce.logs) ? say(atOnce) : `${say(later)} (after a restart)`
}

/** What is compared, in the order of the table. `get` takes the results and a peer's name. */
export const columns = [
  { title: 'main thread, µs/request over bare', get: (results, name) => name === 'bare' ? `(${number(middle(results.bursts?.[name]?.mainMicros))})` : number(middle(results.bursts?.[name]?.mainOverBare)) },
  { title: 'all threads, µs/request over bare', get: (results, name) => name === 'bare' ? `(${number(middle(results.bursts?.[name]?.totalMicros))})` : number(middle(results.bursts?.[name]?.totalOverBare)) },
  { title: 'requests/s at full load', get: (results, name) => number(middle(results.load[150]?.[name]?.throughput)) },
  { title: 'p99 ms', get: (results, name) => number(middle(results.load[150]?.[name]?.p99), 1) },
  { title: 'delivered requests', get: (results, name) => name === 'bare' ? '' : percent(middle(results.load[150]?.[name]?.requests)) },
  { title: 'delivered logs', get: (results, name) => name === 'bare' ? '' : percent(middle(results.load[150]?.[name]?.logs)) },
  { title: 'RSS MB', get: (results, name) => number(middle(results.load[150]?.[name]?.rss) / 1e6) },
  { title: 'start ms', get: (results, name) => number(middle((results.startUp ?? results.load[150])?.[name]?.readyAfter)) },
  { title: 'bytes/request', get: (results, name) => name === 'bare' ? '' : number(results.bursts?.[name]?.bytes) },
  {
    title: 'after the outage',
    get (results, name) {
      if (name === 'bare') return ''
      const outage = results.outage?.[name]
      if (outage === undefined) return '–'
      const last = outage.after.at(-1)
      return outage.completeAfter === null ? `${percent(Math.min(last.requests, last.logs))} at ${last.seconds} s` : `100 % at ${number(outage.completeAfter, 1)} s`
    }
  },
  {
    title: 'close, dead endpoint',
    get (results, name) {
      if (name === 'bare') return ''
      const closing = results.closing?.hang?.[name]
      return closing === undefined ? '–' : closing.closedAfter === null ? `over ${results.settings.closeLimit / 1_000} s` : seconds(closing.closedAfter)
    }
  },
  {
    title: 'survives a crash',
    get (results, name) {
      if (name === 'bare') return ''
      const crash = results.ending?.crash?.[name]
      return crash === undefined ? '–' : survived(crash)
    }
  }
]

/** For the terminal: a block of columns that fit, then the next. */
export function table (results) {
  const names = Object.keys(results.peers)
  const first = names.map(name => results.peers[name])
  const width = Math.max(...first.map(label => label.length))
  const blocks = []
  for (let from = 0; from < columns.length; from += 4) {
    const part = columns.slice(from, from + 4)
    const cells = part.map(column => [column.title, ...names.map(name => column.get(results, name))])
    const lines = ['', ...first].map((label, row) => [label.padEnd(width), ...cells.map(column => column[row].padStart(Math.max(...column.map(cell => cell.length))))].join('  '))
    blocks.push(lines.join('\n'))
  }
  const { machine } = results
  return [
    '',
    ...blocks.flatMap(block => [block, '']),
    `Node.js ${results.node}, ${machine.cores} cores, ${machine.cpu}; ingestion latency 150 ms.`,
    `CPU time and bytes: ${results.settings.bursts.rounds} bursts each, in turn, median; small enough for every queue. Throughput to RSS: full load, ${results.settings.rounds === 1 ? 'one round' : `median of ${results.settings.rounds} rounds`}.`
  ].join('\n')
}
