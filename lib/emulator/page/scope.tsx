/** What every view obeys: the time range, the role, and the zone that times are shown in. */
import { change } from './route'
import { useNarrow } from './row'
import type { State } from './server'
import { fromInput, isUtc, setUtc, toInput, zoneName } from './zone'

const RANGES: ReadonlyArray<[seconds: string, name: string]> = [
  ['', 'Any time'], ['60', 'Last minute'], ['600', 'Last 10 minutes'], ['3600', 'Last hour'], ['86400', 'Last 24 hours'], ['custom', 'Custom…']
]

export function Scope ({ params, state, zoneChanged }: { params: URLSearchParams, state: State | undefined, zoneChanged: () => void }) {
  const narrow = useNarrow()
  const custom = params.has('from') || params.has('to')
  const roles = [...new Set([...state?.roles ?? [], ...params.getAll('role')])]

  function chooseRange (range: string): void {
    if (range !== 'custom') return change({ within: range, from: undefined, to: undefined })
    const seconds = Number(params.get('within') ?? 0) || 3_600
    change({ within: undefined, from: Date.now() - seconds * 1_000, to: Date.now() })
  }

  return (
    <div class='scope' role='group' aria-label='Time and role'>
      <select aria-label='Time' value={custom ? 'custom' : params.get('within') ?? ''} onChange={event => chooseRange(event.currentTarget.value)}>
        {RANGES.map(([seconds, name]) => <option key={seconds} value={seconds}>{name}</option>)}
      </select>
      {custom && <span class='range'><Moment label='From' name='from' params={params} /> to <Moment label='To' name='to' params={params} /></span>}
      <select aria-label='Role' value={params.get('role') ?? ''} onChange={event => change({ role: event.currentTarget.value })}>
        <option value=''>Any role</option>
        {roles.map(role => <option key={role} value={role}>{role}</option>)}
      </select>
      <select
        aria-label='Time zone' title='Every time on this page is in this zone' value={isUtc() ? 'utc' : 'local'}
        onChange={event => { setUtc(event.currentTarget.value === 'utc'); zoneChanged() }}
      >
        <option value='local'>{isUtc() || narrow ? 'Local time' : `Local time (${zoneName()})`}</option>
        <option value='utc'>UTC</option>
      </select>
    </div>
  )
}

function Moment ({ label, name, params }: { label: string, name: 'from' | 'to', params: URLSearchParams }) {
  const time = Number(params.get(name) ?? NaN)
  return (
    <input
      type='datetime-local' step={1} aria-label={label} value={Number.isNaN(time) ? '' : toInput(time)}
      onChange={event => change({ [name]: fromInput(event.currentTarget.value) })}
    />
  )
}
