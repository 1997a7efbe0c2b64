/** All rows, newest first, live: the view that the page opens with. */
import { useEffect, useMemo, useRef, useState } from 'preact/hooks'
import type { RowType } from '../rows'
import { connectionString, Copy } from './copy'
import { Detail } from './detail'
import { count, duration, KINDS, kindName, moment, plural, SEVERITIES } from './format'
import { Grid } from './grid'
import { useLines } from './lines'
import { change, type Route } from './route'
import type { Line, State } from './server'

const FILTERS = ['type', 'failed', 'severity', 'role', 'text', 'from', 'to', 'operation', 'name', 'own', 'code', 'exception', 'flag']
/** Filters that a link from another view has set, with how to say them. */
const GIVEN: Record<string, string> = { operation: 'operation', name: 'operation', own: 'name', code: 'result', exception: 'exception', flag: 'flagged' }
const RANGES: Record<string, string> = { '': 'Any time', 60: 'Last minute', 600: 'Last 10 minutes', 3600: 'Last hour', 86400: 'Last day' }

interface SearchProps {
  route: Route
  state: State | undefined
  paused: boolean
}

export function Search ({ route, state, paused }: SearchProps) {
  const { params } = route
  const [top, setTop] = useState(true)
  const [reset, setReset] = useState(0)
  const within = params.get('within') ?? ''
  const filter = useMemo(() => {
    const search = new URLSearchParams(FILTERS.flatMap(name => params.getAll(name).map(value => [name, value])))
    if (Number(within) > 0) search.set('from', String(Date.now() - Number(within) * 1_000))
    return search.toString()
  }, [params, within])
  const view = useLines(filter, state, paused || !top)
  const chosen = Number(params.get('row') ?? -1)
  const lines = view.line
  const place = placeOf(chosen)
  const newer = state === undefined || !view.ready ? 0 : state.last - view.upTo

  /** Where the chosen row is now: new ones push it down. */
  function placeOf (itemId: number): number {
    if (itemId < 0) return -1
    for (let place = 0; place < Math.min(view.total, 5_000); place++) if (lines(place)?.itemId === itemId) return place
    return -1
  }

  function choose (place: number): void {
    const line = lines(place)
    if (line) change({ row: line.itemId })
  }

  return (
    <main class={chosen >= 0 ? 'split' : 'whole'} id='main'>
      <section class='list' aria-label='Search'>
        <Filters params={params} counts={view.counts} roles={state?.roles ?? []} />
        <div class='status' role='status'>
          {view.error ? <span class='bad'>{view.error}</span> : <span>{plural(view.total, 'row')}{filter === '' ? '' : ' match'}</span>}
          {newer > 0 && (!top || paused) &&
            <button type='button' class='pill' onClick={() => setReset(reset + 1)} disabled={paused}>{paused ? `${plural(newer, 'new row')} while paused` : `↑ ${plural(newer, 'new row')}`}</button>}
        </div>
        {view.ready && view.total === 0
          ? <Empty filtered={filter !== ''} />
          : (
            <Grid
              label='Rows, newest first' columns={['Time', 'Kind', 'What', 'Result', 'Duration', 'Role']} total={view.total} chosen={place}
              choose={choose} show={view.show} atTop={setTop} resetKey={`${filter}|${reset}`}
            >
              {place => <Cells line={lines(place)} />}
            </Grid>
            )}
      </section>
      {chosen >= 0 && <Detail itemId={chosen} close={() => change({ row: undefined })} />}
    </main>
  )
}

function Cells ({ line }: { line: Line | undefined }) {
  if (!line) return <span role='gridcell' class='waiting'>…</span>
  const failed = line.success === false || line.type === 'exception'
  return (
    <>
      <span role='gridcell' class='time'>{moment(line.time)}</span>
      <span role='gridcell' class='kind'><Kind type={line.type} severity={line.severityLevel} /></span>
      <span role='gridcell' class='what'>{line.flags && <abbr title={line.flags.join('\n')}>⚑</abbr>}<What line={line} /></span>
      <span role='gridcell' class={failed ? 'code bad' : 'code'}>{line.resultCode ?? (line.type === 'metric' || line.type === 'performanceCounter' ? line.value : '')}</span>
      <span role='gridcell' class='duration'>{duration(line.duration)}</span>
      <span role='gridcell' class='role'>{line.cloud_RoleName ?? ''}</span>
    </>
  )
}

export function Kind ({ type, severity }: { type: RowType, severity?: number }) {
  const level = type === 'trace' && severity !== undefined && severity >= 2 ? ` severity-${severity}` : ''
  return <span class={`badge kind-${type}${level}`}>{type === 'trace' && severity !== undefined && severity !== 1 ? SEVERITIES[severity] : kindName(type)}</span>
}

export function What ({ line }: { line: Line }) {
  if (line.type === 'exception') return <><b>{line.exceptionType}</b>: {line.message}</>
  if (line.type === 'trace') return <>{line.message}</>
  if (line.type === 'dependency' && line.target && !line.name?.includes(line.target)) return <>{line.name} <i>{line.target}</i></>
  return <>{line.name}</>
}

function Filters ({ params, counts, roles }: { params: URLSearchParams, counts: Partial<Record<RowType, number>>, roles: string[] }) {
  const search = useRef<HTMLInputElement>(null)
  const types = (params.get('type') ?? '').split(',').filter(Boolean)
  const shown = KINDS.filter(kind => counts[kind.type] || types.includes(kind.type) || ['request', 'dependency', 'trace', 'exception'].includes(kind.type))

  useEffect(() => {
    const onKey = (event: KeyboardEvent) => {
      if (event.key !== '/' || event.target instanceof HTMLInputElement || event.ctrlKey || event.metaKey) return
      event.preventDefault()
      search.current?.focus()
    }
    addEventListener('keydown', onKey)
    return () => removeEventListener('keydown', onKey)
  }, [])

  function toggle (type: RowType): void {
    const next = types.includes(type) ? types.filter(other => other !== type) : [...types, type]
    change({ type: next.join(',') })
  }

  return (
    <form class='filters' role='search' onSubmit={event => event.preventDefault()}>
      <input
        type='search' ref={search} value={params.get('text') ?? ''} placeholder='Search everything   /' aria-label='Search everything' spellcheck={false}
        onInput={event => change({ text: event.currentTarget.value })}
      />
      <div class='chips' role='group' aria-label='Kinds'>
        {shown.map(kind => (
          <button
            type='button' key={kind.type} class={`chip kind-${kind.type}`} aria-pressed={types.includes(kind.type)} onClick={() => toggle(kind.type)}
          >
            <span class='dot' />{kind.many} <b>{count(counts[kind.type] ?? 0)}</b>
          </button>
        ))}
      </div>
      <label class='check'><input type='checkbox' checked={params.has('failed')} onChange={event => change({ failed: event.currentTarget.checked ? '1' : undefined })} /> Failed only</label>
      <select aria-label='Severity' value={params.get('severity') ?? ''} onChange={event => change({ severity: event.currentTarget.value })}>
        <option value=''>Any severity</option>
        {SEVERITIES.slice(1).map((name, index) => <option key={name} value={index + 1}>{name}{index < 3 ? ' and up' : ''}</option>)}
      </select>
      <select aria-label='Role' value={params.get('role') ?? ''} onChange={event => change({ role: event.currentTarget.value })}>
        <option value=''>Any role</option>
        {[...new Set([...roles, ...params.getAll('role')])].map(role => <option key={role} value={role}>{role}</option>)}
      </select>
      <select aria-label='Time' value={params.get('within') ?? ''} onChange={event => change({ within: event.currentTarget.value })}>
        {['', '60', '600', '3600', '86400'].map(range => <option key={range} value={range}>{RANGES[range]}</option>)}
      </select>
      {Object.keys(GIVEN).flatMap(name => params.get(name) === null
        ? []
        : [<button key={name} type='button' class='chip given' onClick={() => change({ [name]: undefined })} aria-label={`Remove the filter ${GIVEN[name]}: ${params.get(name)}`}>{GIVEN[name]}: {params.get(name)} ✕</button>])}
    </form>
  )
}

function Empty ({ filtered }: { filtered: boolean }) {
  return filtered
    ? <div class='empty'><h2>Nothing matches</h2><p>No row that is kept fits these filters.</p><button type='button' onClick={() => change(Object.fromEntries([...FILTERS, 'within'].map(name => [name, undefined])))}>Clear the filters</button></div>
    : <div class='empty'><h2>Waiting for telemetry</h2><p>Give your app this connection string. Rows show here within a second.</p><pre>{connectionString()}</pre><Copy text={connectionString}>Copy connection string</Copy></div>
}
