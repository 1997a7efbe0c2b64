/** One operation end to end: what called what, over services and time, with logs and exceptions at their moments. */
import { useMemo } from 'preact/hooks'
import { Copy } from './copy'
import { Detail } from './detail'
import { duration, moment, plural } from './format'
import { change, type Route } from './route'
import { Kind, What } from './search'
import { useAnswer, type Line, type Lines, type State } from './server'

interface Placed {
  line: Line
  depth: number
}

export function Operation ({ route, state, paused }: { route: Route, state: State | undefined, paused: boolean }) {
  const id = route.params.get('id') ?? ''
  const { answer, error } = useAnswer<Lines>(`/api/operation?operation=${encodeURIComponent(id)}`, state, paused)
  const placed = useMemo(() => place(answer?.lines ?? []), [answer])
  const chosen = Number(route.params.get('row') ?? -1)
  const lines = placed.map(({ line }) => line)
  const from = Math.min(...lines.map(line => line.time))
  const to = Math.max(...lines.map(line => line.time + (line.duration ?? 0)))
  const width = Math.max(to - from, 0.001)
  const root = placed[0]?.line
  const roles = new Set(lines.map(line => line.cloud_RoleName ?? ''))
  const failed = lines.filter(line => line.success === false || line.type === 'exception').length

  function walk (event: KeyboardEvent): void {
    const by = event.key === 'ArrowDown' ? 1 : event.key === 'ArrowUp' ? -1 : 0
    if (by === 0 || lines.length === 0) return
    event.preventDefault()
    const at = Math.min(lines.length - 1, Math.max(0, lines.findIndex(line => line.itemId === chosen) + by))
    change({ row: lines[at].itemId })
    document.getElementById(`step-${lines[at].itemId}`)?.scrollIntoView({ block: 'nearest' })
  }

  return (
    <main class={chosen >= 0 ? 'split' : 'whole'} id='main'>
      <section class='list' aria-label='Operation'>
        <header class='heading'>
          <h2>{root?.operation_Name ?? root?.name ?? 'Operation'}</h2>
          {root && <p>{moment(from)}, {duration(to - from)}, {plural(lines.length, 'row')} of {plural(roles.size, 'service')}{failed > 0 && <>, <span class='bad'>{failed} failed</span></>}</p>}
          <p class='mono'>{id} <Copy text={() => id}>Copy id</Copy></p>
        </header>
        {error && <p class='bad pad'>{error}</p>}
        {answer && lines.length === 0 && <div class='empty'><h2>Nothing here</h2><p>No row that is kept belongs to this operation.</p></div>}
        {answer && answer.total > lines.length && <p class='pad'>The first {lines.length} of {answer.total} rows.</p>}
        {lines.length > 0 && (
          <div class='waterfall' role='grid' aria-label='Waterfall' tabIndex={0} onKeyDown={walk} aria-activedescendant={chosen >= 0 ? `step-${chosen}` : undefined}>
            <div class='step scale' role='row'>
              <span role='columnheader'>What</span><span role='columnheader'>Service</span>
              <span role='columnheader' class='marks'><i>0</i><i>{duration(width / 2)}</i><i>{duration(width)}</i></span>
            </div>
            {placed.map(({ line, depth }) => (
              <div
                key={line.itemId} id={`step-${line.itemId}`} role='row' aria-selected={line.itemId === chosen}
                class={line.itemId === chosen ? 'step chosen' : 'step'} onClick={() => change({ row: line.itemId })}
              >
                <span role='gridcell' class='what' style={{ paddingLeft: `${Math.min(depth, 12) * 16}px` }}><Kind type={line.type} severity={line.severityLevel} /> <What line={line} /></span>
                <span role='gridcell' class='role'>{line.cloud_RoleName ?? ''}</span>
                <span role='gridcell' class='track'><Mark line={line} from={from} width={width} /></span>
              </div>
            ))}
          </div>
        )}
      </section>
      {chosen >= 0 && <Detail itemId={chosen} close={() => change({ row: undefined })} />}
    </main>
  )
}

function Mark ({ line, from, width }: { line: Line, from: number, width: number }) {
  const left = (line.time - from) / width * 100
  const color = line.success === false || line.type === 'exception' ? 'failed' : `kind-${line.type}`
  if (line.duration === undefined) return <span class={`moment ${color}`} style={{ left: `clamp(5px, ${left}%, 100% - 5px)` }} />
  const wide = line.duration / width * 100
  // The number stands beside its bar where there is room, else on its end: its beginning must be seen.
  const right = 100 - left - wide
  const [side, style] = right > 38 ? ['', { left: `${left + wide}%` }] : left > 38 ? ['', { right: `${100 - left}%` }] : [' over', { right: `${right}%` }]
  return (
    <>
      <span class={`bar ${color}`} style={{ left: `${left}%`, width: `${wide}%` }} />
      <span class={`length${side}`} style={style}>{duration(line.duration)}{line.resultCode && line.resultCode !== '0' ? ` · ${line.resultCode}` : ''}</span>
    </>
  )
}

/** Callers before what they called, in the order of time; what names no caller that is here stands at the left. */
function place (lines: Line[]): Placed[] {
  const spans = new Map(lines.flatMap(line => line.id !== undefined && line.id !== '' ? [[spanId(line.id), line] as const] : []))
  const children = new Map<Line | undefined, Line[]>()
  for (const line of lines) {
    const named = line.operation_ParentId === undefined ? undefined : spans.get(spanId(line.operation_ParentId))
    const parent = named === line ? undefined : named
    const siblings = children.get(parent)
    if (siblings) siblings.push(line)
    else children.set(parent, [line])
  }
  const placed: Placed[] = []
  const seen = new Set<Line>()
  const visit = (line: Line, depth: number): void => {
    // Two rows can name each other as parent: text from outside.
    if (seen.has(line)) return
    seen.add(line)
    placed.push({ line, depth })
    if (depth < 200) for (const child of children.get(line) ?? []) visit(child, depth + 1)
  }
  for (const line of children.get(undefined) ?? []) visit(line, 0)
  for (const line of lines) visit(line, 0)
  return placed
}

/** The older SDKs write `|trace.span.` where the newer ones write the span's id alone. */
function spanId (id: string): string {
  return /^\|[0-9a-f]{32}\.([0-9a-f]{16})\.?$/.exec(id)?.[1] ?? id
}
