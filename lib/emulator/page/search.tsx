/** All rows, newest first, live: the view that the page opens with. */
import { useEffect, useMemo, useRef, useState } from 'preact/hooks'
import { connectionString, Copy } from './copy'
import { Detail } from './detail'
import { Filters } from './filters'
import { BY_THE_CLOCK, duration, KINDS, moment, plural, second } from './format'
import { Grid } from './grid'
import { useLines } from './lines'
import { change, href, SCOPE } from './route'
import { isBad, Kind, resultOf, useNarrow, What } from './row'
import type { Line, ViewProps } from './server'

const FILTERS = [...SCOPE, 'type', 'failed', 'severity', 'text', 'operation', 'name', 'own', 'code', 'exception', 'flag']
const HAPPENED = KINDS.map(({ type }) => type).filter(type => !BY_THE_CLOCK.includes(type)).join(',')

export function Search ({ route, state, paused }: ViewProps) {
  const { params } = route
  const [top, setTop] = useState(true)
  const [reset, setReset] = useState(0)
  const narrow = useNarrow()
  const filter = useMemo(() => new URLSearchParams(FILTERS.flatMap(name => params.getAll(name).map(value => [name, value]))), [params])
  const asked = useMemo(() => {
    const asked = new URLSearchParams(filter)
    if (!asked.has('type')) asked.set('type', HAPPENED)
    return asked.toString()
  }, [filter])
  const view = useLines(asked, state, paused || !top)
  const chosen = Number(params.get('row') ?? -1)
  const lines = view.line
  // New rows push it down.
  const place = view.placeOf(chosen)
  const last = useRef(-1)
  const wanted = useRef(-1)
  if (chosen >= 0) last.current = chosen
  const newer = state === undefined || !view.ready ? 0 : state.last - view.upTo
  const hidden = filter.has('type') ? 0 : BY_THE_CLOCK.reduce((sum, type) => sum + (view.counts[type] ?? 0), 0)

  function choose (place: number): void {
    const line = lines(place)
    wanted.current = line ? -1 : place
    if (line) change({ row: line.itemId })
  }

  // A key may lead to a line that is still being fetched.
  useEffect(() => { if (wanted.current >= 0 && lines(wanted.current)) choose(wanted.current) })

  return (
    <main class={chosen >= 0 ? 'split' : 'whole'} id='main'>
      <section class='list' aria-label='Search'>
        <Filters params={params} counts={view.counts} />
        <div class='status' role='status'>
          {view.error ? <span class='bad'>{view.error}</span> : <span>{plural(view.total, 'row')}{filter.size === 0 ? '' : ' match'}</span>}
          {hidden > 0 && <a href={href('metrics')}>{plural(hidden, 'metric row')} shown as charts</a>}
          {newer > 0 && (!top || paused) &&
            <button type='button' class='pill' onClick={() => setReset(reset + 1)} disabled={paused}>{paused ? `${plural(newer, 'new row')} while paused` : `↑ ${plural(newer, 'new row')}`}</button>}
        </div>
        {view.ready && view.total === 0
          ? <Empty filtered={filter.size > 0} hidden={hidden > 0} />
          : (
            <Grid
              label='Rows, newest first' lineHeight={narrow ? 54 : 34} class='rows' columns={['Time', 'Kind', 'What', 'Result', 'Duration', 'User', 'Role']} total={view.total} chosen={place} left={view.placeOf(last.current)}
              choose={choose} show={view.show} atTop={setTop} resetKey={`${asked}|${reset}`}
            >
              {place => <Cells line={lines(place)} narrow={narrow} />}
            </Grid>
            )}
      </section>
      {chosen >= 0 && <Detail itemId={chosen} close={() => change({ row: undefined })} />}
    </main>
  )
}

function Cells ({ line, narrow }: { line: Line | undefined, narrow: boolean }) {
  if (!line) return <span role='gridcell' class='waiting'>…</span>
  return (
    <>
      <span role='gridcell' class='time'>{narrow ? second(line.time) : moment(line.time)}</span>
      <span role='gridcell' class='kind'><Kind type={line.type} severity={line.severityLevel} /></span>
      <span role='gridcell' class='what'>{line.flags && <abbr title={line.flags.join('\n')}>⚑</abbr>}<What line={line} /></span>
      <span role='gridcell' class={isBad(line) ? 'code bad' : 'code'}>{resultOf(line)}</span>
      <span role='gridcell' class='duration'>{duration(line.duration)}</span>
      <span role='gridcell' class='user'>{line.user ?? ''}</span>
      <span role='gridcell' class='role'>{line.cloud_RoleName ?? ''}</span>
    </>
  )
}

function Empty ({ filtered, hidden }: { filtered: boolean, hidden: boolean }) {
  if (filtered) return <div class='empty'><h2>Nothing matches</h2><p>No rows match these filters.</p><button type='button' onClick={() => change(Object.fromEntries(FILTERS.map(name => [name, undefined])))}>Clear the filters</button></div>
  if (hidden) return <div class='empty'><h2>Only metrics so far</h2><p>Requests, logs and exceptions show up here within a second.</p><a class='button' href={href('metrics')}>Show the metrics</a></div>
  return <div class='empty'><h2>Waiting for telemetry</h2><p>Give your app this connection string. Its rows show up here within a second.</p><pre>{connectionString()}</pre><Copy text={connectionString}>Copy connection string</Copy></div>
}
