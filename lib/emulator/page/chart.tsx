/** Numbers over time → bars or lines with axes, a legend and a tooltip. SVG of our own: nothing inline that a policy could refuse. */
import { useId, useLayoutEffect, useRef, useState } from 'preact/hooks'
import type { Bins } from '../series'
import { count, second, tick } from './format'
import { niceTimes, niceValues } from './ticks'
import { zoneName } from './zone'

export interface Series {
  name: string
  /** A CSS class that gives it its colour. */
  color: string
  values: ReadonlyArray<number | null>
}

interface ChartProps {
  label: string
  /** When each value is, in milliseconds since 1970. */
  times: readonly number[]
  series: readonly Series[]
  /** Bars are stacked, lines are not. */
  kind: 'bars' | 'lines' | 'area'
  height?: number
  show?: (value: number) => string
  /** A click into the chart chooses a moment. */
  pick?: (time: number) => void
  /** A moment to mark. */
  mark?: number
  /** Draws lines on over times without a value: for what is measured now and then. */
  connect?: boolean
}

const LEFT = 58
const BOTTOM = 22
const TOP = 8
const RIGHT = 10

export function timesOf ({ from, width, parts }: Bins): number[] {
  return Array.from({ length: parts }, (_, part) => from + part * width)
}

export function TimeChart ({ label, times, series, kind, height = 150, show = count, pick, mark, connect = false }: ChartProps) {
  const [box, width] = useWidth()
  const [at, setAt] = useState<number>()
  const step = stepOf(times)
  const first = times[0] ?? 0
  const end = (times.at(-1) ?? 0) + (kind === 'bars' ? step : 0)
  const inner = { width: Math.max(10, width - LEFT - RIGHT), height: height - TOP - BOTTOM }
  const stacked = kind !== 'lines'
  const { marks, top, bottom } = niceValues(series, times.length, stacked)
  const x = (time: number) => LEFT + (end === first ? 0.5 : (time - first) / (end - first)) * inner.width
  const y = (value: number) => TOP + inner.height - (value - bottom) / (top - bottom) * inner.height
  const frame = { x, y, step, times, bottom }

  function move (clientX: number, element: Element): void {
    const time = first + (clientX - element.getBoundingClientRect().left - LEFT) / inner.width * (end - first)
    const nearest = kind === 'bars' ? Math.floor((time - first) / step) : nearestOf(times, time)
    setAt(Math.min(times.length - 1, Math.max(0, nearest)))
  }

  function onKeyDown (event: KeyboardEvent): void {
    const by = event.key === 'ArrowRight' ? 1 : event.key === 'ArrowLeft' ? -1 : 0
    if (by !== 0) setAt(Math.min(times.length - 1, Math.max(0, (at ?? (by > 0 ? -1 : times.length)) + by)))
    else if ((event.key === 'Enter' || event.key === ' ') && pick && at !== undefined) pick(times[at])
    else return
    event.preventDefault()
  }

  return (
    <figure class='chart' ref={box}>
      {series.length > 1 && <Legend series={series} />}
      <div
        class={pick ? 'plot pick' : 'plot'} tabIndex={0} role='group' aria-label={`${label}. Arrow keys read the values.`} onKeyDown={onKeyDown}
        onPointerMove={event => move(event.clientX, event.currentTarget)} onPointerLeave={() => setAt(undefined)} onBlur={() => setAt(undefined)}
        onClick={() => { if (at !== undefined) pick?.(times[at]) }}
      >
        <svg class='chart-svg' width={width} height={height} aria-hidden='true'>
          {marks.map(value => <g key={value}><line class='rule' x1={LEFT} x2={LEFT + inner.width} y1={y(value)} y2={y(value)} /><text class='tick' x={LEFT - 6} y={y(value) + 4} text-anchor='end'>{show(value)}</text></g>)}
          <TimeAxis first={first} end={end} x={x} width={inner.width} y={height - 6} />
          {kind === 'bars' ? <Stack series={series} frame={frame} /> : <Lines series={series} frame={frame} filled={kind === 'area'} connect={connect} />}
          {at !== undefined && <rect class='cursor' x={kind === 'bars' ? x(times[at]) : x(times[at]) - 0.5} width={kind === 'bars' ? Math.max(1, x(times[at] + step) - x(times[at])) : 1} y={TOP} height={inner.height} />}
          {mark !== undefined && mark >= first && mark <= end && <line class='mark' x1={x(mark)} x2={x(mark)} y1={TOP - 4} y2={TOP + inner.height} />}
        </svg>
        {at !== undefined && at < times.length && <Tip series={series} at={at} time={times[at]} left={x(times[at])} width={width} show={show} />}
      </div>
      <figcaption class='sr'>{label}. Times are {zoneName()}.</figcaption>
    </figure>
  )
}

interface Frame { x: (time: number) => number, y: (value: number) => number, step: number, times: readonly number[], bottom: number }

function Stack ({ series, frame: { x, y, step, times } }: { series: readonly Series[], frame: Frame }) {
  const wide = Math.max(1, x((times[0] ?? 0) + step) - x(times[0] ?? 0) - 1)
  return (
    <>
      {times.map((time, at) => {
        let below = 0
        return series.map(({ name, color, values }) => {
          const value = values[at] ?? 0
          if (value <= 0) return null
          const from = y(below)
          below += value
          // A single failure among thousands must still be seen.
          const tall = Math.max(2, from - y(below))
          return <rect key={`${name} ${at}`} class={`fill ${color}`} x={x(time)} width={wide} y={from - tall} height={tall} />
        })
      })}
    </>
  )
}

function Lines ({ series, frame, filled, connect }: { series: readonly Series[], frame: Frame, filled: boolean, connect: boolean }) {
  const { x, y, times, bottom } = frame
  const below = new Array<number>(times.length).fill(0)
  return (
    <>
      {series.map(({ name, color, values }) => {
        let path = ''
        let area = ''
        let gap = true
        const given = values.filter(value => value !== null).length
        values.forEach((value, at) => {
          if (value === null) {
            gap ||= !connect
            return
          }
          const height = filled ? (below[at] += value) : value
          path += `${gap ? 'M' : 'L'}${x(times[at]).toFixed(1)} ${y(height).toFixed(1)}`
          gap = false
        })
        if (filled && path !== '') area = `M${x(times[0]).toFixed(1)} ${y(bottom)}${path.replace(/M/g, 'L')}L${x(times[times.length - 1]).toFixed(1)} ${y(bottom)}Z`
        const alone = (at: number) => !(connect && given > 1) && values[at] !== null && (values[at - 1] ?? null) === null && (values[at + 1] ?? null) === null
        return (
          <g key={name}>
            {area !== '' && <path class={`area ${color}`} d={area} />}
            <path class={`stroke ${color}`} d={path} />
            {values.map((value, at) => alone(at) && <circle key={at} class={`fill ${color}`} cx={x(times[at])} cy={y(value as number)} r={3} />)}
          </g>
        )
      })}
    </>
  )
}

function TimeAxis ({ first, end, x, width, y }: { first: number, end: number, x: (time: number) => number, width: number, y: number }) {
  const { marks, apart } = niceTimes(first, end, Math.max(2, Math.floor(width / 90)))
  return <>{marks.map(time => <text key={time} class='tick' x={x(time)} y={y} text-anchor={x(time) > x(end) - 22 ? 'end' : x(time) < x(first) + 22 ? 'start' : 'middle'}>{tick(time, apart)}</text>)}</>
}

function Tip ({ series, at, time, left, width, show }: { series: readonly Series[], at: number, time: number, left: number, width: number, show: (value: number) => string }) {
  const given = series.filter(({ values }) => values[at] !== null && values[at] !== undefined)
  return (
    <div class='tip' role='status' style={left > width / 2 ? { right: `${width - left + 12}px` } : { left: `${left + 12}px` }}>
      <b>{second(time)}</b>
      {given.slice(0, 12).map(({ name, color, values }) => <span key={name}><i class={`swatch ${color}`} />{name} <em>{show(values[at] as number)}</em></span>)}
    </div>
  )
}

export function Legend ({ series }: { series: ReadonlyArray<Pick<Series, 'name' | 'color'>> }) {
  return <ul class='legend'>{series.map(({ name, color }) => <li key={name}><i class={`swatch ${color}`} />{name}</li>)}</ul>
}

/** The width that an element is given, so that text in a chart is never stretched. */
export function useWidth () {
  const box = useRef<HTMLElement>(null)
  const [width, setWidth] = useState(600)
  useLayoutEffect(() => {
    const element = box.current
    if (!element) return
    const observer = new ResizeObserver(() => setWidth(Math.max(120, element.clientWidth)))
    observer.observe(element)
    setWidth(Math.max(120, element.clientWidth))
    return () => observer.disconnect()
  }, [])
  return [box, width] as const
}

function stepOf (times: readonly number[]): number {
  let step = Infinity
  for (let at = 1; at < times.length; at++) if (times[at] > times[at - 1]) step = Math.min(step, times[at] - times[at - 1])
  return step === Infinity ? 1_000 : step
}

function nearestOf (times: readonly number[], time: number): number {
  let best = 0
  for (let at = 1; at < times.length; at++) if (Math.abs(times[at] - time) < Math.abs(times[best] - time)) best = at
  return best
}

/** Small bars for a line of a table, the failed part in red. */
export function Spark ({ over, failed, label }: { over: readonly number[], failed: readonly number[], label: string }) {
  const id = useId()
  const top = Math.max(1, ...over)
  const step = 160 / Math.max(1, over.length)
  const bar = (value: number, index: number, color: string) => value > 0 &&
    <rect key={color + index} class={`fill ${color}`} x={index * step} width={Math.max(1, step - 1)} y={26 - Math.max(2, value / top * 26)} height={Math.max(2, value / top * 26)} />
  const sum = (values: readonly number[]) => count(values.reduce((sum, value) => sum + value, 0))
  return (
    <svg class='chart-svg spark' viewBox='0 0 160 26' width={160} height={26} preserveAspectRatio='none' role='img' aria-labelledby={id}>
      <title id={id}>{`${label}: ${sum(over)} in all, ${sum(failed)} failed`}</title>
      {over.map((value, index) => bar(value, index, 'is-ok'))}
      {failed.map((value, index) => bar(value, index, 'is-server'))}
    </svg>
  )
}
