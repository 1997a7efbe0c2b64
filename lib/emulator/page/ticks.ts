/** Ranges of values and times → round marks for an axis. */
import { floorTo } from './zone'

interface Values { values: ReadonlyArray<number | null> }

export function niceValues (series: readonly Values[], length: number, stacked: boolean): { marks: number[], top: number, bottom: number } {
  let high = 0
  let low = 0
  for (let at = 0; at < length; at++) {
    let sum = 0
    for (const { values } of series) {
      const value = values[at] ?? 0
      sum += value
      if (stacked) continue
      high = Math.max(high, value)
      low = Math.min(low, value)
    }
    if (stacked) high = Math.max(high, sum)
  }
  if (high === low) high = low + 1
  const apart = niceStep((high - low) / 4)
  const bottom = Math.floor(low / apart) * apart
  const marks = [bottom]
  // Added up and not multiplied, marks such as 0.30000000000000004 would stand on the axis.
  for (let mark = 1; bottom + (mark - 1) * apart < high; mark++) marks.push(Number((bottom + mark * apart).toPrecision(12)))
  return { marks, top: marks[marks.length - 1], bottom }
}

/** 1, 2 or 5 times a power of ten. */
export function niceStep (least: number): number {
  const power = 10 ** Math.floor(Math.log10(least))
  return [1, 2, 5, 10].map(factor => factor * power).find(step => step >= least * 0.999_999) ?? 10 * power
}

const APART = [
  1, 2, 5, 10, 20, 50, 100, 200, 500, 1_000, 2_000, 5_000, 10_000, 15_000, 30_000, 60_000, 120_000, 300_000, 600_000, 900_000, 1_800_000,
  3_600_000, 7_200_000, 10_800_000, 21_600_000, 43_200_000, 86_400_000, 172_800_000, 604_800_000, 2_592_000_000
]

export function niceTimes (from: number, to: number, most: number): { marks: number[], apart: number } {
  const apart = APART.find(apart => (to - from) / apart <= most) ?? (to - from) / most
  const marks: number[] = []
  for (let time = floorTo(from, apart); time <= to; time += apart) if (time >= from) marks.push(time)
  return { marks, apart }
}
