/** What a query asks to be drawn → lines, bars, columns or a pie, with numbers to read. */
import { Legend, TimeChart, useWidth } from './chart'
import { percent, short } from './format'
import type { CategoryData, Picture, PieData } from './render'
import { niceValues } from './ticks'

export function Plot ({ picture }: { picture: Picture }) {
  return (
    <div class='wide'>
      {picture.title && <h3>{picture.title}</h3>}
      {picture.as === 'time' && <TimeChart label={picture.title ?? 'Answer over time'} times={picture.times} kind={picture.kind} height={260} show={short} series={colored(picture.series)} />}
      {picture.as === 'pie' && <Pie data={picture} />}
      {picture.as === 'categories' && (picture.kind === 'bars' ? <Bars data={picture} /> : <Columns data={picture} />)}
    </div>
  )
}

function colored<T> (series: T[]): Array<T & { color: string }> {
  return series.map((one, index) => ({ ...one, color: `c${index % 12}` }))
}

/** Bars lie, so that long names can be read. */
function Bars ({ data: { categories, series, stacked } }: { data: CategoryData }) {
  const all = colored(series)
  const top = Math.max(1e-12, ...categories.map((_, at) => stacked ? all.reduce((sum, { values }) => sum + (values[at] ?? 0), 0) : Math.max(...all.map(({ values }) => values[at] ?? 0))))
  return (
    <figure class='chart'>
      {all.length > 1 && <Legend series={all} />}
      <ul class='lying'>
        {categories.map((category, at) => (
          <li key={at}>
            <span class='category' title={category}>{category || '(none)'}</span>
            <span class={stacked ? 'stack' : 'stack apart'}>
              {all.map(({ name, color, values }) => values[at] !== null && (
                <span key={name} class='one'><i class={`fillbar ${color}`} style={{ width: `${(values[at] ?? 0) / top * 100}%` }} title={`${name}: ${short(values[at] ?? 0)}`} />{!stacked && <b>{short(values[at] ?? 0)}</b>}</span>
              ))}
            </span>
            {stacked && <b>{short(all.reduce((sum, { values }) => sum + (values[at] ?? 0), 0))}</b>}
          </li>
        ))}
      </ul>
    </figure>
  )
}

const LEFT = 58
const TALL = 220

function Columns ({ data: { categories, series, stacked } }: { data: CategoryData }) {
  const [box, width] = useWidth()
  const all = colored(series)
  const { marks, top, bottom } = niceValues(all, categories.length, stacked)
  const step = (width - LEFT - 10) / Math.max(1, categories.length)
  const y = (value: number) => 8 + TALL - (value - bottom) / (top - bottom) * TALL
  const wide = Math.min(80, step * 0.8)
  const room = Math.max(1, Math.floor(step / 7))
  return (
    <figure class='chart' ref={box}>
      {all.length > 1 && <Legend series={all} />}
      <svg class='chart-svg' width={width} height={TALL + 36} role='img' aria-label={categories.map((category, at) => `${category}: ${all.map(({ values }) => short(values[at] ?? 0)).join(', ')}`).slice(0, 30).join('; ')}>
        {marks.map(value => <g key={value}><line class='rule' x1={LEFT} x2={width - 10} y1={y(value)} y2={y(value)} /><text class='tick' x={LEFT - 6} y={y(value) + 4} text-anchor='end'>{short(value)}</text></g>)}
        {categories.map((category, at) => {
          let below = 0
          const left = LEFT + at * step + (step - wide) / 2
          return (
            <g key={at}>
              {all.map(({ name, color, values }, index) => {
                const value = values[at] ?? 0
                const from = stacked ? below : 0
                below += value
                const part = stacked ? wide : wide / all.length
                return <rect key={name} class={`fill ${color}`} x={left + (stacked ? 0 : index * part)} width={Math.max(1, part - 1)} y={Math.min(y(from), y(from + value))} height={Math.abs(y(from + value) - y(from))}><title>{`${category}\n${name}: ${short(value)}`}</title></rect>
              })}
              {(step > 24 || at % Math.ceil(40 / step) === 0) && <text class='tick' x={left + wide / 2} y={TALL + 26} text-anchor='middle'>{category.length > room + 1 && step > 24 ? `${category.slice(0, room)}…` : category}</text>}
            </g>
          )
        })}
      </svg>
    </figure>
  )
}

function Pie ({ data: { slices } }: { data: PieData }) {
  const sum = slices.reduce((sum, { value }) => sum + value, 0)
  let turned = 0
  return (
    <figure class='chart pie'>
      <svg class='chart-svg' viewBox='-100 -100 200 200' width={220} height={220} role='img' aria-label={slices.map(({ name, value }) => `${name}: ${short(value)}`).join('; ')}>
        {slices.map(({ name, value }, index) => {
          const from = turned
          turned += sum === 0 ? 0 : value / sum
          return value > 0 && <path key={name} class={`fill c${index % 12}`} d={slice(from, turned)}><title>{`${name}: ${short(value)}, ${percent(value / sum)}`}</title></path>
        })}
      </svg>
      <ul class='legend down'>
        {slices.map(({ name, value }, index) => <li key={name}><i class={`swatch c${index % 12}`} />{name} <b>{short(value)}</b> <small>{percent(sum === 0 ? 0 : value / sum)}</small></li>)}
      </ul>
    </figure>
  )
}

function slice (from: number, to: number): string {
  // A whole turn is no arc.
  if (to - from > 0.999_9) return 'M0 -96A96 96 0 1 1 -0.01 -96ZM0 -48A48 48 0 1 0 -0.01 -48Z'
  const point = (turn: number, radius: number) => `${(Math.sin(turn * 2 * Math.PI) * radius).toFixed(2)} ${(-Math.cos(turn * 2 * Math.PI) * radius).toFixed(2)}`
  const large = to - from > 0.5 ? 1 : 0
  return `M${point(from, 96)}A96 96 0 ${large} 1 ${point(to, 96)}L${point(to, 48)}A48 48 0 ${large} 0 ${point(from, 48)}Z`
}
