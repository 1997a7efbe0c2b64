/** How long each operation takes: counts, failures, percentiles, and where to look. */
import { useState } from 'preact/hooks'
import type { OperationSum, Span } from '../sums'
import { Bars } from './chart'
import { count, duration } from './format'
import { change, href, type Route } from './route'
import { useAnswer, type State } from './server'

type Column = 'count' | 'failed' | 'p50' | 'p95' | 'p99'
const COLUMNS: Column[] = ['count', 'failed', 'p50', 'p95', 'p99']

export function Performance ({ route, state, paused }: { route: Route, state: State | undefined, paused: boolean }) {
  const type = route.params.get('type') === 'dependency' ? 'dependency' : 'request'
  const [by, setBy] = useState<Column>('count')
  const { answer, error } = useAnswer<Span & { operations: OperationSum[] }>(`/api/performance?type=${type}`, state, paused)
  const operations = [...answer?.operations ?? []].sort((a, b) => b[by] - a[by])
  const slowest = Math.max(1, ...operations.map(operation => operation.p95))

  return (
    <main class='sums' id='main'>
      <header class='heading'>
        <h2>Performance</h2>
        <div class='chips' role='group' aria-label='Kind'>
          <button type='button' class='chip kind-request' aria-pressed={type === 'request'} onClick={() => change({ type: undefined })}><span class='dot' />Requests</button>
          <button type='button' class='chip kind-dependency' aria-pressed={type === 'dependency'} onClick={() => change({ type: 'dependency' })}><span class='dot' />Dependencies</button>
        </div>
      </header>
      {error && <p class='bad'>{error}</p>}
      {answer && operations.length === 0 && <div class='empty'><h2>Nothing yet</h2><p>Operations show here as soon as there are {type === 'request' ? 'requests' : 'dependencies'}.</p></div>}
      {operations.length > 0 && (
        <div class='table' tabIndex={0} role='region' aria-label='Operations'>
          <table>
            <thead>
              <tr>
                <th scope='col'>Operation</th><th scope='col'>Over time</th>
                {COLUMNS.map(column => (
                  <th key={column} scope='col' class='number' aria-sort={by === column ? 'descending' : undefined}>
                    <button type='button' class='plain' onClick={() => setBy(column)}>{column}{by === column ? ' ↓' : ''}</button>
                  </th>
                ))}
                <th scope='col'>Examples</th>
              </tr>
            </thead>
            <tbody>
              {operations.map(operation => (
                <tr key={`${operation.name} ${operation.role}`}>
                  <th scope='row'>
                    <a href={href('search', { type, text: undefined, ...only(type, operation.name), role: operation.role })}>{operation.name || '(no name)'}</a>
                    <small>{operation.role}</small>
                  </th>
                  <td><Bars over={operation.over} failed={operation.failedOver} width={160} height={26} label={operation.name} /></td>
                  <td class='number'>{count(operation.count)}</td>
                  <td class={operation.failed > 0 ? 'number bad' : 'number'}>{count(operation.failed)}</td>
                  <td class='number'>{duration(operation.p50)}</td>
                  <td class='number'><span class='meter' style={{ width: `${operation.p95 / slowest * 100}%` }} />{duration(operation.p95)}</td>
                  <td class='number'>{duration(operation.p99)}</td>
                  <td class='examples'>
                    <a href={href('search', { row: operation.slowest })}>slowest</a>
                    {operation.lastFailed !== undefined && <a href={href('search', { row: operation.lastFailed })}>last failed</a>}
                  </td>
                </tr>
              ))}
            </tbody>
          </table>
        </div>
      )}
    </main>
  )
}

/** A dependency's own name is not its operation's. */
function only (type: string, name: string): Record<string, string> {
  return type === 'request' ? { name } : { own: name }
}
