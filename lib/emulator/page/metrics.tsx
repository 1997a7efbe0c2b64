/** Metrics and counters as charts, each with its unit. */
import type { MetricSeries, MetricSums } from '../metric-sums'
import { terms } from '../search'
import { TimeChart, timesOf } from './chart'
import { plural, quantity, unitOf } from './format'
import { change, href, scopeQuery } from './route'
import { useAnswer, type ViewProps } from './server'

export function Metrics ({ route: { params }, state, paused }: ViewProps) {
  const text = params.get('find') ?? ''
  const shown = params.get('show') === 'sum' ? 'sum' : 'average'
  const { answer, error } = useAnswer<MetricSums>(`/api/metrics?${scopeQuery(params)}`, state, paused)
  const series = (answer?.series ?? []).filter(({ name }) => name.toLowerCase().includes(text.toLowerCase()))
  return (
    <main class='sums' id='main'>
      <header class='heading'>
        <h2>Metrics</h2>
        <input type='search' value={text} aria-label='Find a metric' placeholder='Find a metric' spellcheck={false} onInput={event => change({ find: event.currentTarget.value })} />
        <div class='chips' role='group' aria-label='Values'>
          <button type='button' class='chip' aria-pressed={shown === 'average'} onClick={() => change({ show: undefined })}>Average</button>
          <button type='button' class='chip' aria-pressed={shown === 'sum'} onClick={() => change({ show: 'sum' })}>Sum</button>
        </div>
      </header>
      {error && <p class='bad pad'>{error}</p>}
      {answer && series.length === 0 && <div class='empty'><h2>No metrics{text === '' ? ' yet' : ' by this name'}</h2><p>Metrics and performance counters show up here as charts.</p></div>}
      <div class='metrics'>
        {answer && series.map(metric => <Metric key={`${metric.type} ${metric.name} ${metric.role}`} metric={metric} times={timesOf(answer.bins)} shown={shown} />)}
      </div>
    </main>
  )
}

function Metric ({ metric, times, shown }: { metric: MetricSeries, times: number[], shown: 'average' | 'sum' }) {
  const { name, role, type, rows, last, min, max } = metric
  const show = (value: number) => quantity(value, unitOf(name))
  return (
    <section class='wide metric'>
      <h3>{name || '(no name)'} <small>{role}</small></h3>
      <p><b>{show(last)}</b> <span class='soft'>{show(min)} to {show(max)}, <a href={href('search', { type, text: terms({ name }) })}>{plural(rows, 'row')}</a></span></p>
      <TimeChart label={name} times={times} kind='lines' connect height={110} show={show} series={[{ name: shown === 'sum' ? 'Sum' : 'Average', color: 'c0', values: metric[shown] }]} />
    </section>
  )
}
