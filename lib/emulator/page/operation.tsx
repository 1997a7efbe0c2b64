/** One operation end to end: what called what, over services and time, with logs and exceptions at their moments. */
import { useEffect, useMemo, useRef, useState } from 'preact/hooks'
import { Copy } from './copy'
import { Detail } from './detail'
import { count, duration, KINDS, moment, plural } from './format'
import { Grid } from './grid'
import { change } from './route'
import { isBad, Kind, resultOf, useNarrow, What } from './row'
import { useAnswer, type Line, type Lines, type ViewProps } from './server'
import { treeOf, visibleSteps, type Step } from './tree'
import { zoneName } from './zone'

export function Operation ({ route: { params }, state, paused }: ViewProps) {
  const id = params.get('id') ?? ''
  const find = params.get('find') ?? ''
  const only = (params.get('kinds') ?? '').split(',').filter(Boolean)
  const { answer: latest, error } = useAnswer<Lines>(`/api/operation?operation=${encodeURIComponent(id)}${find === '' ? '' : `&text=${encodeURIComponent(find)}`}`, state, paused)
  // The rows stay while a search among them is asked for, or its box would lose the keyboard.
  const kept = useRef<{ id: string, answer: Lines }>()
  if (latest) kept.current = { id, answer: latest }
  const answer = kept.current?.id === id ? kept.current.answer : undefined
  const steps = useMemo(() => treeOf(answer?.lines ?? []), [answer])
  const [folded, setFolded] = useState<ReadonlySet<number>>(new Set())
  const narrow = useNarrow()
  const found = useMemo(() => latest?.found && new Set(latest.found), [latest])
  const shown = visibleSteps(steps, folded, line => (only.length === 0 || only.includes(line.type)) && (!params.has('failed') || isBad(line)))
  const chosen = Number(params.get('row') ?? -1)
  const at = Number(params.get('row') ?? params.get('at') ?? -1)
  const place = shown.findIndex(({ line }) => line.itemId === at)
  const lines = steps.map(({ line }) => line)
  const from = Math.min(...lines.map(line => line.time))
  const width = Math.max(Math.max(...lines.map(line => line.time + (line.duration ?? 0))) - from, 0.001)

  function fold (step: Step): void {
    const next = new Set(folded)
    if (!next.delete(step.line.itemId)) next.add(step.line.itemId)
    setFolded(next)
  }

  useEffect(() => {
    const onKey = (event: KeyboardEvent) => {
      const step = shown[place]
      if (!step || step.below === 0 || !(event.target instanceof Element && event.target.closest('.grid'))) return
      if ((event.key === 'ArrowLeft') !== folded.has(step.line.itemId) && /^Arrow(?:Left|Right)$/.test(event.key)) fold(step)
    }
    addEventListener('keydown', onKey)
    return () => removeEventListener('keydown', onKey)
  })

  return (
    <main class={chosen >= 0 ? 'split' : 'whole'} id='main'>
      <section class='list' aria-label='Operation'>
        <Heading id={id} steps={steps} from={from} width={width} />
        {error && <p class='bad pad'>{error}</p>}
        {answer && lines.length === 0 && <div class='empty'><h2>Nothing here</h2><p>No rows of this operation are kept.</p></div>}
        {answer && answer.total > lines.length && <p class='pad'>The first {count(lines.length)} of {count(answer.total)} rows.</p>}
        {lines.length > 0 && (
          <>
            <Find params={params} lines={lines} shown={shown} found={found} place={place} />
            <Grid
              label='Waterfall' class='waterfall' lineHeight={narrow ? 46 : 32} total={shown.length} chosen={place} reach={place} choose={place => change({ row: shown[place].line.itemId })}
              columns={['What', 'Service', <span key='' class='marks'><i>0</i><i>{duration(width / 2)}</i><i>{duration(width)}</i></span>, 'Duration']}
              show={() => {}} atTop={() => {}} resetKey={id}
            >
              {place => shown[place] && <Cells step={shown[place]} folded={folded} fold={fold} found={found} from={from} width={width} />}
            </Grid>
          </>
        )}
      </section>
      {chosen >= 0 && <Detail itemId={chosen} inOperation close={() => change({ row: undefined, at: chosen })} />}
    </main>
  )
}

function Heading ({ id, steps, from, width }: { id: string, steps: Step[], from: number, width: number }) {
  const root = steps[0]?.line
  const roles = new Set(steps.map(({ line }) => line.cloud_RoleName ?? ''))
  const failed = steps.filter(({ line }) => isBad(line)).length
  return (
    <header class='heading'>
      <h2>{root?.operation_Name ?? root?.name ?? 'Operation'}</h2>
      {root && <p>{moment(from)} <span class='soft'>{zoneName()}</span>, {duration(width)}, {plural(steps.length, 'row')} of {plural(roles.size, 'service')}{failed > 0 && <>, <span class='bad'>{failed} failed</span></>}</p>}
      <p class='mono'>{id} <Copy text={() => id}>Copy id</Copy></p>
    </header>
  )
}

interface FindProps { params: URLSearchParams, lines: Line[], shown: Step[], found: ReadonlySet<number> | undefined, place: number }

/** Looks through everything that the rows hold, not only what the lines show. */
function Find ({ params, lines, shown, found, place }: FindProps) {
  const only = (params.get('kinds') ?? '').split(',').filter(Boolean)
  const hits = found === undefined ? [] : shown.flatMap(({ line }, at) => found.has(line.itemId) ? [at] : [])
  const kinds = KINDS.filter(({ type }) => lines.some(line => line.type === type))
  const now = hits.indexOf(place)

  function go (by: 1 | -1): void {
    const next = by > 0 ? hits.find(at => at > place) ?? hits[0] : hits.findLast(at => at < place) ?? hits.at(-1)
    if (next !== undefined) change({ at: shown[next].line.itemId, row: params.has('row') ? shown[next].line.itemId : undefined })
  }

  return (
    <div class='filters' role='search'>
      <input
        type='search' value={params.get('find') ?? ''} aria-label='Find in this operation' placeholder='Find in this operation' spellcheck={false}
        onInput={event => change({ find: event.currentTarget.value })} onKeyDown={event => { if (event.key === 'Enter') go(event.shiftKey ? -1 : 1) }}
      />
      {found && (
        <span class='hits' role='status'>
          {hits.length === 0 ? 'No matches' : now >= 0 ? `${now + 1} of ${hits.length}` : plural(hits.length, 'match', 'matches')}
          <button type='button' class='plain' aria-label='Previous match' disabled={hits.length === 0} onClick={() => go(-1)}>↑</button>
          <button type='button' class='plain' aria-label='Next match' disabled={hits.length === 0} onClick={() => go(1)}>↓</button>
        </span>
      )}
      <div class='chips' role='group' aria-label='Kinds'>
        {kinds.map(({ type, many }) => (
          <button
            type='button' key={type} class={`chip kind-${type}`} aria-pressed={only.includes(type)}
            onClick={() => change({ kinds: (only.includes(type) ? only.filter(other => other !== type) : [...only, type]).join(',') })}
          >
            <span class='dot' />{many} <b>{count(lines.filter(line => line.type === type).length)}</b>
          </button>
        ))}
      </div>
      <label class='check'><input type='checkbox' checked={params.has('failed')} onChange={event => change({ failed: event.currentTarget.checked ? '1' : undefined })} /> Failed only</label>
    </div>
  )
}

interface CellsProps { step: Step, folded: ReadonlySet<number>, fold: (step: Step) => void, found: ReadonlySet<number> | undefined, from: number, width: number }

function Cells ({ step, folded, fold, found, from, width }: CellsProps) {
  const { line, depth, below } = step
  const shut = folded.has(line.itemId)
  const code = resultOf(line)
  return (
    <>
      <span role='gridcell' class={found?.has(line.itemId) ? 'what hit' : 'what'} style={{ paddingLeft: `${Math.min(depth, 12) * 16}px` }}>
        {below > 0
          ? <button type='button' class='fold' tabIndex={-1} aria-expanded={!shut} aria-label={shut ? `Unfold ${below} steps` : `Fold ${below} steps`} onClick={event => { event.stopPropagation(); fold(step) }}>{shut ? '▸' : '▾'}</button>
          : <span class='fold' />}
        <Kind type={line.type} severity={line.severityLevel} /> <What line={line} />{shut && <small> +{below}</small>}
      </span>
      <span role='gridcell' class='role'>{line.cloud_RoleName ?? ''}</span>
      <span role='gridcell' class='track'><Mark line={line} from={from} width={width} /></span>
      <span role='gridcell' class={isBad(line) ? 'length bad' : 'length'}>{duration(line.duration)}{code && code !== '0' ? ` · ${code}` : ''}</span>
    </>
  )
}

function Mark ({ line, from, width }: { line: Line, from: number, width: number }) {
  const left = (line.time - from) / width * 100
  const color = isBad(line) ? 'failed' : `kind-${line.type} severity-${line.severityLevel ?? 0}`
  if (line.duration === undefined) return <span class={`moment ${color}`} style={{ left: `clamp(5px, ${left}%, 100% - 5px)` }} />
  return <span class={`bar ${color}`} style={{ left: `${left}%`, width: `${line.duration / width * 100}%` }} />
}
