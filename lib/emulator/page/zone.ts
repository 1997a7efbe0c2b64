/** The one time zone that the page speaks: this browser's, or UTC. The choice is kept in this browser. */
import { keep, kept } from './storage'

const LOCAL = Intl.DateTimeFormat().resolvedOptions().timeZone
let utc = kept('zone') === 'utc'

export function isUtc (): boolean {
  return utc
}

export function setUtc (chosen: boolean): void {
  utc = chosen
  keep('zone', chosen ? 'utc' : 'local')
}

/** As `Intl` knows it. */
export function timeZone (): string {
  return utc ? 'UTC' : LOCAL
}

/** For people: `UTC`, or `Europe/Berlin`. */
export function zoneName (): string {
  return utc ? 'UTC' : LOCAL.replace(/_/g, ' ')
}

/** Minutes that the zone is ahead of UTC at that moment. */
function offset (time: number): number {
  return utc ? 0 : -new Date(time).getTimezoneOffset()
}

/** Milliseconds since 1970 → what a date input holds. */
export function toInput (time: number): string {
  return new Date(time + offset(time) * 60_000).toISOString().slice(0, 19)
}

/** What a date input holds → milliseconds since 1970. */
export function fromInput (text: string): number | undefined {
  const time = Date.parse(utc ? `${text}Z` : text)
  return Number.isNaN(time) ? undefined : time
}

/** The latest moment up to this one at which a part of this length begins, by the zone's clock. */
export function floorTo (time: number, width: number): number {
  const ahead = offset(time) * 60_000
  return Math.floor((time + ahead) / width) * width - ahead
}
