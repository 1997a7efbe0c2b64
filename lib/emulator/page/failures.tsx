/** What goes wrong: by operation, by result code, by exception. */
import type { ComponentChildren } from 'preact'
import type { FailureSums } from '../sums'
import { Bars } from './chart'
import { count, kindName, plural } from './format'
import { href } from './route'
import { useAnswer, type State } from './server'
import type { RowType } from '../rows'

export function Failures ({ state, paused }: { state: State | undefined, paused: boolean }) {
  const { answer, error } = useAnswer<FailureSums>('/api/failures', state, paused)
  const nothing = answer && answer.codes.length === 0 && answer.exceptions.length === 0 && answer.operations.length === 0
  return (
    <main class='sums' id='main'>
      <header class='heading'>
        <h2>Failures</h2>
        {answer && <p>{count(answer.failed)} of {plural(answer.total, 'request')} failed</p>}
      </header>
      {error && <p class='bad'>{error}</p>}
      {answer && answer.total > 0 && <div class='wide'><Bars over={answer.over} failed={answer.failedOver} width={1200} height={72} label='Requests over time' /></div>}
      {nothing && <div class='empty'><h2>Nothing has failed</h2><p>Failed requests and dependencies, and exceptions, show here.</p></div>}
      {answer && !nothing && (
        <div class='cards'>
          <Card
            heading='Operations' rows={answer.operations.map(({ name, failed, count: all }) => ({
              key: name, to: href('search', { type: 'request', failed: 1, name }), what: name || '(no name)', value: failed, note: `${Math.round(failed / all * 100)} % of ${count(all)}`
            }))}
          />
          <Card
            heading='Result codes' rows={answer.codes.map(({ type, resultCode, count, example }) => ({
              key: type + resultCode, to: href('search', { type, failed: 1, code: resultCode, row: example }), what: resultCode || '(none)', value: count, note: kindName(type as RowType).toLowerCase()
            }))}
          />
          <Card
            heading='Exceptions' rows={answer.exceptions.map(({ exceptionType, message, count, example }) => ({
              key: exceptionType, to: href('search', { type: 'exception', exception: exceptionType, row: example }), what: exceptionType || '(no type)', value: count, note: message
            }))}
          />
        </div>
      )}
    </main>
  )
}

interface CardRow {
  key: string
  to: string
  what: string
  value: number
  note: ComponentChildren
}

function Card ({ heading, rows }: { heading: string, rows: CardRow[] }) {
  const top = Math.max(1, ...rows.map(row => row.value))
  return (
    <section class='card'>
      <h3>{heading}</h3>
      {rows.length === 0 && <p class='soft'>None</p>}
      <ul>
        {rows.map(row => (
          <li key={row.key}>
            <a href={row.to}>
              <span class='share' style={{ width: `${row.value / top * 100}%` }} />
              <b>{row.what}</b><span class='value'>{count(row.value)}</span><small>{row.note}</small>
            </a>
          </li>
        ))}
      </ul>
    </section>
  )
}
