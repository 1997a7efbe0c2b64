/** Live Metrics: every server's last minute and a sample of what it does, filtered where you like. While this view is open, servers post. */
import { useEffect, useState } from 'preact/hooks'
import type { LiveFilter, TelemetryType } from '../live/configuration'
import type { LiveDocument, LiveServer, LiveState } from '../live/servers'
import { TimeChart } from './chart'
import { clock, count, duration, plural, size } from './format'

const TYPES: TelemetryType[] = ['Request', 'Dependency', 'Exception', 'Trace', 'Event']
const FIELDS: Record<TelemetryType, string[]> = {
  Request: ['Success', 'Name', 'Url', 'ResponseCode', 'Duration'],
  Dependency: ['Success', 'Name', 'Target', 'Type', 'Data', 'ResultCode', 'Duration'],
  Exception: ['Exception.Message', 'Exception.StackTrace'],
  Trace: ['Message'],
  Event: ['Name']
}
const PREDICATES = ['Equal', 'NotEqual', 'Contains', 'DoesNotContain', 'GreaterThan', 'GreaterThanOrEqual', 'LessThan', 'LessThanOrEqual']
const SECONDS = 60

const counter = (name: string): string => `\\ApplicationInsights\\${name}`

export function Live () {
  const state = useLiveMetrics()
  const [shown, setShown] = useState<string>()
  const servers = state?.servers.filter(({ points }) => points.length > 0) ?? []
  const chosen = servers.filter(({ streamId }) => shown === undefined || streamId === shown)
  return (
    <main class='sums' id='main'>
      <header class='heading'><h2>Live Metrics</h2><p>{plural(servers.length, 'server')} posting, once a second while this view is open</p></header>
      {servers.length === 0 && <div class='empty'><h2>Waiting for servers</h2><p>An app with this emulator's connection string posts within a few seconds.</p></div>}
      {servers.length > 0 && <Charts servers={chosen} />}
      {servers.length > 0 && <Servers servers={servers} shown={shown} onShow={setShown} />}
      {state && <Filters filters={state.configuration.filters} />}
      {state && <Sample documents={state.documents.filter(({ server }) => shown === undefined || server === shown)} servers={servers} />}
    </main>
  )
}

/** Reading the stream is what makes servers post. */
function useLiveMetrics (): LiveState | undefined {
  const [state, setState] = useState<LiveState>()
  useEffect(() => {
    const source = new EventSource('/api/live-metrics')
    source.onmessage = event => setState(JSON.parse(event.data as string) as LiveState)
    return () => source.close()
  }, [])
  return state
}

/** The moments of the last minute, and every chart's values at them; servers are added up. */
function timesOf (servers: LiveServer[]): number[] {
  const now = Math.max(0, ...servers.map(({ points }) => points.at(-1)?.at ?? 0))
  return Array.from({ length: SECONDS }, (_, place) => now - (SECONDS - 1 - place) * 1_000)
}

function series (servers: LiveServer[], times: readonly number[], name: string): number[] {
  const values = new Array<number>(SECONDS).fill(0)
  for (const { points } of servers) {
    for (const { at, metrics } of points) {
      const place = Math.round((at - times[0]) / 1_000)
      if (place >= 0 && place < SECONDS) values[place] += metrics[name] ?? 0
    }
  }
  return values
}

const latest = ({ points }: LiveServer, name: string): number => points.at(-1)?.metrics[name] ?? 0
const sum = (servers: LiveServer[], name: string): number => servers.reduce((sum, server) => sum + latest(server, name), 0)

/** Of all servers: each one's mean counts as often as it has served. */
function mean (servers: LiveServer[], value: string, weight: string): number | undefined {
  const weights = sum(servers, weight)
  return weights === 0 ? undefined : servers.reduce((sum, server) => sum + latest(server, value) * latest(server, weight), 0) / weights
}

const CHARTS = [
  { title: 'Requests', rate: 'Requests/Sec', failed: 'Requests Failed/Sec', time: 'Request Duration' },
  { title: 'Dependencies', rate: 'Dependency Calls/Sec', failed: 'Dependency Calls Failed/Sec', time: 'Dependency Call Duration' },
  { title: 'Exceptions', rate: 'Exceptions/Sec', failed: undefined, time: undefined }
]

function Charts ({ servers }: { servers: LiveServer[] }) {
  const times = timesOf(servers)
  const filtered = [...new Set(servers.flatMap(({ points }) => Object.keys(points.at(-1)?.metrics ?? {})))].filter(name => name.startsWith('filtered-'))
  return (
    <div class='cards'>
      {CHARTS.map(({ title, rate, failed, time }) => {
        const all = series(servers, times, counter(rate))
        const bad = failed === undefined ? all : series(servers, times, counter(failed))
        return (
          <section class='card' key={title}>
            <h3>{title}</h3>
            <p>
              <b data-live={rate}>{perSecond(sum(servers, counter(rate)))}</b>
              {failed !== undefined && <>, <span data-live={failed}>{perSecond(sum(servers, counter(failed)))}</span> failed</>}
              {time !== undefined && <>, {duration(mean(servers, counter(time), counter(rate))) || 'none'} on average</>}
            </p>
            <TimeChart
              label={`${title} of the last minute`} times={times} kind='bars' height={110}
              series={[{ name: failed === undefined ? title : 'Failed', color: 'is-server', values: bad }, ...failed === undefined ? [] : [{ name: 'Successful', color: 'is-ok', values: all.map((value, at) => Math.max(0, value - bad[at])) }]]}
            />
          </section>
        )
      })}
      {filtered.map(name => (
        <section class='card' key={name}>
          <h3>{name.replace('filtered-', '')} telemetry that matches</h3>
          <p><b data-live={name}>{perSecond(sum(servers, name))}</b></p>
          <TimeChart label={`${name.replace('filtered-', '')} telemetry that matches the filters`} times={times} kind='bars' height={110} series={[{ name: 'Matches', color: 'c0', values: series(servers, times, name) }]} />
        </section>
      ))}
    </div>
  )
}

function perSecond (value: number): string {
  return `${count(Math.round(value * 10) / 10)}/s`
}

function Servers ({ servers, shown, onShow }: { servers: LiveServer[], shown: string | undefined, onShow: (shown: string | undefined) => void }) {
  return (
    <div class='table' tabIndex={0} role='region' aria-label='Servers'>
      <table>
        <thead><tr>{['Server', 'Requests', 'Failed', 'Duration', 'Dependencies', 'CPU', 'Memory'].map(name => <th key={name} scope='col'>{name}</th>)}</tr></thead>
        <tbody>
          <tr><td><button type='button' aria-pressed={shown === undefined} onClick={() => onShow(undefined)}>Together</button></td><Cells servers={servers} /></tr>
          {servers.map(server => (
            <tr key={server.streamId}>
              <td><button type='button' aria-pressed={shown === server.streamId} title={server.version} onClick={() => onShow(server.streamId)}>{server.role} {server.instance}</button>{server.errors.map((error, index) => <p key={index} class='bad'>{error}</p>)}</td>
              <Cells servers={[server]} />
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  )
}

function Cells ({ servers }: { servers: LiveServer[] }) {
  const cpu = sum(servers, '\\% Process\\Processor Time Normalized')
  return (
    <>
      <td>{perSecond(sum(servers, counter('Requests/Sec')))}</td>
      <td>{perSecond(sum(servers, counter('Requests Failed/Sec')))}</td>
      <td>{duration(mean(servers, counter('Request Duration'), counter('Requests/Sec')))}</td>
      <td>{perSecond(sum(servers, counter('Dependency Calls/Sec')))}</td>
      <td>{cpu.toFixed(1)} %</td>
      <td>{size(sum(servers, '\\Process\\Physical Bytes') || sum(servers, '\\Memory\\Committed Bytes'))}</td>
    </>
  )
}

function Filters ({ filters }: { filters: LiveFilter[] }) {
  const [type, setType] = useState<TelemetryType>('Request')
  const [error, setError] = useState<string>()
  const set = (next: LiveFilter[]): void => {
    fetch('/api/live-metrics/filters', { method: 'PUT', body: JSON.stringify({ filters: next }) })
      .then(async response => setError(response.ok ? undefined : (await response.json() as { error: string }).error), (error: Error) => setError(error.message))
  }
  function add (event: SubmitEvent): void {
    event.preventDefault()
    const data = new FormData(event.currentTarget as HTMLFormElement)
    const text = (name: string): string => String(data.get(name) ?? '')
    set([...filters, { telemetryType: type, field: text('field'), predicate: text('predicate'), comparand: text('comparand') }])
  }
  return (
    <section class='heading' aria-label='Filters'>
      {filters.map((filter, index) => (
        <button key={index} type='button' class='chip' title='Remove this filter' onClick={() => set(filters.filter((_, each) => each !== index))}>
          {filter.telemetryType}: {filter.field} {filter.predicate} {filter.comparand} ×
        </button>
      ))}
      <form onSubmit={add}>
        <select aria-label='Kind' value={type} onChange={event => setType(event.currentTarget.value as TelemetryType)}>{TYPES.map(type => <option key={type}>{type}</option>)}</select>
        <input aria-label='Field' name='field' list='live-fields' required placeholder='Success, CustomDimensions.tenant, *' />
        <datalist id='live-fields'>{FIELDS[type].map(field => <option key={field} value={field} />)}</datalist>
        <select aria-label='Predicate' name='predicate'>{PREDICATES.map(predicate => <option key={predicate}>{predicate}</option>)}</select>
        <input aria-label='Value' name='comparand' required placeholder='false, 500, 0.0:0:1.5' />
        <button type='submit'>Add filter</button>
      </form>
      {error && <p class='bad'>{error}</p>}
    </section>
  )
}

function Sample ({ documents, servers }: { documents: LiveDocument[], servers: LiveServer[] }) {
  const nameOf = (id: string): string => servers.find(({ streamId }) => streamId === id)?.role ?? ''
  return (
    <section class='card' aria-label='Sample'>
      <h3>Sample telemetry</h3>
      {documents.length === 0 && <p class='soft'>Nothing has matched yet.</p>}
      <table class='live-sample'>
        <tbody>
          {documents.map(({ at, server, type, fields, properties }, index) => (
            <tr key={index} title={Object.entries(properties).map(([name, value]) => `${name}: ${value}`).join('\n')}>
              <td>{clock(at)}</td><td>{type}</td><td>{nameOf(server)}</td>
              <td>{fields.Name ?? fields.Message ?? [fields.ExceptionType, fields.ExceptionMessage].filter(Boolean).join(': ')}</td>
              <td class={isBad(type, fields) ? 'bad' : undefined}>{fields.ResponseCode ?? fields.ResultCode ?? ''}</td>
              <td>{fields.Duration === undefined ? '' : duration(Number(/^PT([\d.]+)S$/.exec(fields.Duration)?.[1] ?? 0) * 1_000)}</td>
            </tr>
          ))}
        </tbody>
      </table>
    </section>
  )
}

function isBad (type: string, fields: Record<string, string>): boolean {
  return type === 'Exception' || Number(fields.ResponseCode ?? fields.ResultCode) >= 400
}
