/** Counts over time → small bars, the failed part in red. Drawn as SVG: no library, nothing inline that a policy could refuse. */
import { count } from './format'

interface BarsProps {
  over: number[]
  failed: number[]
  width: number
  height: number
  label: string
}

export function Bars ({ over, failed, width, height, label }: BarsProps) {
  const top = Math.max(1, ...over)
  const step = width / over.length
  const bar = (value: number, index: number, kind: string) => {
    // A single failure among thousands must still be seen.
    const tall = value === 0 ? 0 : Math.max(2, value / top * height)
    return tall > 0 && <rect key={`${kind}${index}`} class={kind} x={index * step} y={height - tall} width={Math.max(1, step - 1)} height={tall} />
  }
  const sum = over.reduce((sum, value) => sum + value, 0)
  const bad = failed.reduce((sum, value) => sum + value, 0)
  return (
    <svg class='bars' viewBox={`0 0 ${width} ${height}`} width={width} height={height} preserveAspectRatio='none' role='img' aria-label={`${label}: ${count(sum)} in all, ${count(bad)} failed`}>
      {over.map((value, index) => bar(value, index, 'ok'))}
      {failed.map((value, index) => bar(value, index, 'failed'))}
    </svg>
  )
}
