/** How long each operation takes: counts, failures, percentiles, compared with another time, and where to look. */
import type { OperationSum, PerformanceSums } from '../sums'
import { terms } from '../search'
import { Spark, TimeChart, timesOf } from './chart'
import { count, duration, percent } from './format'
import { change, href, scopeQuery } from './route'
import { useNarrow } from './row'
import { useAnswer, type ViewProps } from './server'
import { Table, type Column } from './table'
import { fromInput, toInput } from './zone'

type Sums = Pick<OperationSum, 'count' | 'failed' | 'p50' | 'p95' | 'p99'>

export function Performance ({ route: { params }, state, paused }: ViewProps) {
  const type = params.get('type') === 'dependency' ? 'dependency' : 'request'
  const [now, then] = questions(params, type)
  const { answer, error } = useAnswer<PerformanceSums>(now, state, paused)
  const { answer: earlier } = useAnswer<PerformanceSums>(then, state, paused)
  const before = then === '' ? undefined : earlier
  const split = Number(params.get('compare') ?? NaN)

  return (
    <main class='sums performance' id='main'>
      <header class='heading'>
        <h2>Performance</h2>
        <div class='chips' role='group' aria-label='Kind'>
          <button type='button' class='chip kind-request' aria-pressed={type === 'request'} onClick={() => change({ type: undefined })}><span class='dot' />Requests</button>
          <button type='button' class='chip kind-dependency' aria-pressed={type === 'dependency'} onClick={() => change({ type: 'dependency' })}><span class='dot' />Dependencies</button>
        </div>
        <Compare params={params} />
      </header>
      {error && <p class='bad pad'>{error}</p>}
      {answer && answer.operations.length === 0 && <div class='empty'><h2>Nothing yet</h2><p>Operations show up here as soon as there are {type === 'request' ? 'requests' : 'dependencies'}{params.size > 0 ? ' in this range' : ''}.</p></div>}
      {answer && answer.operations.length > 0 && (
        <>
          <Figures all={answer.all} before={before?.all} />
          <Charts sums={answer} split={split} />
          <section class='block'><Operations type={type} operations={answer.operations} before={before?.operations} /></section>
        </>
      )}
    </main>
  )
}

/** What to ask for the time that is looked at, and for the one that it is compared with: nothing where there is none. */
function questions (params: URLSearchParams, type: string): [now: string, then: string] {
  const ask = (more: Record<string, string>, without: string[] = []) => {
    const query = new URLSearchParams(scopeQuery(params, { type, ...more }))
    for (const name of without) query.delete(name)
    return `/api/performance?${query}`
  }
  const compare = params.get('compare')
  const within = params.get('within')
  const [from, to] = [Number(params.get('from') ?? NaN), Number(params.get('to') ?? NaN)]
  if (compare === 'before' && within) return [ask({}), ask({ before: within })]
  if (compare === 'before' && to > from) return [ask({}), `/api/performance?${new URLSearchParams({ type, from: String(2 * from - to), to: String(from - 1), ...params.has('role') && { role: params.get('role') ?? '' } })}`]
  if (compare !== null && /^\d+$/.test(compare)) {
    const after = new URLSearchParams(scopeQuery(params, { type }))
    after.set('from', compare)
    const earlier = new URLSearchParams(scopeQuery(params, { type }))
    earlier.set('to', String(Number(compare) - 1))
    return [`/api/performance?${after}`, `/api/performance?${earlier}`]
  }
  return [ask({}), '']
}

function Compare ({ params }: { params: URLSearchParams }) {
  const compare = params.get('compare') ?? ''
  const isSplit = /^\d+$/.test(compare)
  const ranged = params.has('within') || (params.has('from') && params.has('to'))
  return (
    <div class='compare'>
      <select aria-label='Compare' value={isSplit ? 'split' : compare} onChange={event => { const { value } = event.currentTarget; change({ compare: value === 'split' ? Math.round(Date.now() / 1_000) * 1_000 : value }) }}>
        <option value=''>Compare…</option>
        <option value='before' disabled={!ranged}>With the period before{ranged ? '' : ' (choose a time range first)'}</option>
        <option value='split'>Before and after a moment</option>
      </select>
      {isSplit && <input type='datetime-local' step={1} aria-label='Before and after' value={toInput(Number(compare))} onChange={event => change({ compare: fromInput(event.currentTarget.value) })} />}
    </div>
  )
}

function Figures ({ all, before }: { all: Sums, before: Sums | undefined }) {
  return (
    <dl class='figures'>
      <div><dt>Count</dt><dd>{count(all.count)}{before && <small>was {count(before.count)}</small>}</dd></div>
      <div class='first'><dt>Failed</dt><dd class={all.failed > 0 ? 'bad' : undefined}>{percent(all.failed / Math.max(1, all.count))}{before && <small>was {percent(before.failed / Math.max(1, before.count))}</small>}</dd></div>
      {(['p50', 'p95', 'p99'] as const).map(name => <div key={name} class={name === 'p95' ? 'first' : undefined}><dt>{name}</dt><dd><Change now={all[name]} then={before?.[name]} /></dd></div>)}
    </dl>
  )
}

/** A duration, and how it has changed. Below a tenth it is noise. */
function Change ({ now, then }: { now: number, then: number | undefined }) {
  if (then === undefined) return <>{duration(now)}</>
  const share = then === 0 ? 0 : now / then - 1
  const color = share > 0.1 ? 'bad' : share < -0.1 ? 'good' : 'soft'
  return <>{duration(now)}<small class={color}>{share > 0 ? '+' : share < 0 ? '−' : '±'}{percent(Math.abs(share))}, was {duration(then)}</small></>
}

function Charts ({ sums: { bins, all }, split }: { sums: PerformanceSums, split: number }) {
  const times = timesOf(bins)
  const pick = (time: number) => change({ compare: time })
  const went = all.over.map((value, part) => value - all.failedOver[part])
  return (
    <div class='pair'>
      <div class='wide'>
        <h3>Requests</h3>
        <TimeChart label='Requests over time' times={times} kind='bars' pick={pick} mark={split} series={[{ name: 'Failed', color: 'is-server', values: all.failedOver }, { name: 'Successful', color: 'is-ok', values: went }]} />
      </div>
      <div class='wide'>
        <h3>Duration</h3>
        <TimeChart label='Duration over time' times={times} kind='lines' pick={pick} mark={split} show={duration} series={[{ name: 'p95', color: 'c1', values: all.p95Over }, { name: 'p50', color: 'c0', values: all.p50Over }]} />
      </div>
    </div>
  )
}

function Operations ({ type, operations, before }: { type: string, operations: OperationSum[], before: OperationSum[] | undefined }) {
  const narrow = useNarrow()
  const slowest = Math.max(1, ...operations.map(({ p95 }) => p95))
  const then = new Map(before?.map(operation => [`${operation.name} ${operation.role}`, operation]))
  const earlier = (row: OperationSum) => then.get(`${row.name} ${row.role}`)
  const calls: Column<OperationSum> = { name: 'Count', number: true, by: row => row.count, show: row => <>{count(row.count)}{before && <small>was {count(earlier(row)?.count ?? 0)}</small>}</> }
  const percentile = (name: 'p50' | 'p95' | 'p99'): Column<OperationSum> => ({
    name,
    number: true,
    wide: name !== 'p95',
    by: row => row[name],
    show: row => <>{name === 'p95' && <span class='meter' style={{ width: `${row.p95 / slowest * 100}%` }} />}<Change now={row[name]} then={earlier(row)?.[name]} /></>
  })
  return (
    <Table<OperationSum>
      label='Operations' rows={operations} first='Count' keyOf={row => `${row.name} ${row.role}`}
      columns={[
        { name: 'Operation', by: row => row.name, show: row => <a href={href('search', { type, text: terms({ name: row.name, cloud_RoleName: row.role }) })}><b>{row.name || '(no name)'}</b><small>{row.role}</small></a> },
        { name: 'Over time', wide: true, show: row => <Spark over={row.over} failed={row.failedOver} label={row.name} /> },
        !narrow && calls,
        { name: 'Failed', number: true, by: row => row.failed, show: row => <span class={row.failed > 0 ? 'bad' : undefined}>{count(row.failed)}{before && <small>was {count(earlier(row)?.failed ?? 0)}</small>}</span> },
        percentile('p50'), percentile('p95'), percentile('p99'), narrow && calls,
        ...before ? [{ name: 'Change', title: 'Of p95, in milliseconds', number: true, by: (row: OperationSum) => row.p95 - (earlier(row)?.p95 ?? row.p95), show: (row: OperationSum) => earlier(row) === undefined ? 'new' : `${row.p95 < (earlier(row)?.p95 ?? 0) ? '−' : '+'}${duration(Math.abs(row.p95 - (earlier(row)?.p95 ?? 0)))}` }] : [],
        { name: 'Examples', wide: true, show: row => <span class='examples'><a href={href('search', { row: row.slowest })}>slowest</a>{row.lastFailed !== undefined && <a href={href('search', { row: row.lastFailed })}>last failed</a>}</span> }
      ]}
    />
  )
}
