/** The application map: services and what they call, with calls, failures and p95; a click leads to the rows. */
import type { MapEdge, MapFigures, MapNode, ServiceMap } from '../map'
import { term, terms } from '../search'
import { count, duration, percent } from './format'
import { layered } from './layout'
import { href, scopeQuery } from './route'
import { useNarrow } from './row'
import { useAnswer, type ViewProps } from './server'
import { Table } from './table'

const WIDE = 176
const TALL = 62
/** Between nodes: along the arrows, and across them. */
const ALONG = 132
const ACROSS = 26

interface Box extends MapNode { x: number, y: number }

export function ApplicationMap ({ route: { params }, state, paused }: ViewProps) {
  const { answer, error } = useAnswer<ServiceMap>(`/api/map?${scopeQuery(params)}`, state, paused)
  return (
    <main class='sums' id='main'>
      <header class='heading'><h2>Map</h2><p>Services and what they call. Select a node or an arrow to see its rows.</p></header>
      {error && <p class='bad pad'>{error}</p>}
      {answer && answer.nodes.length === 0 && <div class='empty'><h2>Nothing to draw yet</h2><p>Services show up here with their first request or outgoing call.</p></div>}
      {answer && answer.nodes.length > 0 && (
        <>
          <div class='wide map' tabIndex={0} role='region' aria-label='Application map'><Drawing map={answer} /></div>
          {answer.edges.length > 0 && <section class='block'><h3>Calls</h3><Calls map={answer} /></section>}
        </>
      )}
    </main>
  )
}

function Drawing ({ map: { nodes, edges } }: { map: ServiceMap }) {
  const down = useNarrow()
  const { nodes: places, layers } = layered(nodes.map(({ id }) => id), edges)
  const most = Math.max(...layers.map(ids => ids.length))
  const along = down ? TALL + 74 : WIDE + ALONG
  const across = down ? WIDE + ACROSS : TALL + ACROSS
  const boxes = new Map(places.map(({ id, layer, place }) => {
    const node = nodes.find(node => node.id === id) as MapNode
    const [a, b] = [layer * along + 8, (place + (most - 1) / 2) * across + 8]
    return [id, { ...node, x: down ? b : a, y: down ? a : b } satisfies Box]
  }))
  const width = (down ? most * across - ACROSS : layers.length * along - ALONG) + 16
  const height = (down ? layers.length * along - 74 : most * across - ACROSS) + 16
  return (
    <svg class='chart-svg' width={width} height={height} role='group' aria-label='Application map'>
      <defs>
        {['ok', 'failing'].map(state => <marker key={state} id={`arrow-${state}`} class={state} viewBox='0 0 8 8' refX='7' refY='4' markerWidth='10' markerHeight='10' markerUnits='userSpaceOnUse' orient='auto-start-reverse'><path d='M0 0L8 4L0 8z' /></marker>)}
      </defs>
      {edges.map(edge => <Arrow key={`${edge.from} ${edge.to}`} edge={edge} from={boxes.get(edge.from)} to={boxes.get(edge.to)} down={down} />)}
      {[...boxes.values()].map(box => <Node key={box.id} box={box} />)}
    </svg>
  )
}

function Node ({ box }: { box: Box }) {
  const { x, y, name, kind, calls, failed } = box
  return (
    <a href={nodeLink(box)} class={failed > 0 ? 'node failing' : 'node'} aria-label={`${name}, ${kind}: ${spoken(box)}`}>
      <title>{name}</title>
      <rect x={x} y={y} width={WIDE} height={TALL} rx={kind === 'service' ? 8 : 30} />
      {failed > 0 && <rect class='share' x={x} y={y} width={Math.max(6, WIDE * failed / calls)} height={4} />}
      <text aria-hidden='true' class='name' x={x + WIDE / 2} y={y + 20} text-anchor='middle'>{cut(name, 22)}</text>
      <text aria-hidden='true' class='soft' x={x + WIDE / 2} y={y + 37} text-anchor='middle'>{kind === 'service' ? calls === 0 ? 'service, no requests' : 'service' : cut(kind, 24)}</text>
      <text aria-hidden='true' x={x + WIDE / 2} y={y + 53} text-anchor='middle'>{calls > 0 && shortly(box)}</text>
    </a>
  )
}

function Arrow ({ edge, from, to, down }: { edge: MapEdge, from: Box | undefined, to: Box | undefined, down: boolean }) {
  if (!from || !to) return null
  const { path, x, y } = route(from, to, down)
  const state = edge.failed > 0 ? 'failing' : 'ok'
  return (
    <a href={edgeLink(edge)} class={`arrow ${state}`}>
      <title>{`${from.name} to ${to.name}: ${spoken(edge)}`}</title>
      <path class='hit' d={path} />
      <path class='line' d={path} marker-end={`url(#arrow-${state})`} stroke-width={Math.min(5, 1.2 + Math.log10(Math.max(1, edge.calls)))} />
      <text aria-hidden='true' x={x} y={y - 20} text-anchor='middle'>{count(edge.calls)}{edge.failed > 0 ? `, ${percent(edge.failed / edge.calls)} failed` : ''}</text>
      <text aria-hidden='true' x={x} y={y - 7} text-anchor='middle'>{duration(edge.p95)}</text>
    </a>
  )
}

/** A curve from edge to edge, and where its label stands. */
function route (from: Box, to: Box, down: boolean): { path: string, x: number, y: number } {
  const back = down ? to.y <= from.y : to.x <= from.x
  const [x1, y1] = down ? [from.x + WIDE / 2, from.y + (back ? 0 : TALL)] : [from.x + (back ? 0 : WIDE), from.y + TALL / 2]
  const [x2, y2] = down ? [to.x + WIDE / 2, to.y + (back ? TALL : 0)] : [to.x + (back ? WIDE : 0), to.y + TALL / 2]
  if (from.id === to.id) return { path: `M${from.x + WIDE - 30} ${from.y}C${from.x + WIDE - 10} ${from.y - 24} ${from.x + WIDE + 24} ${from.y} ${from.x + WIDE} ${from.y + 22}`, x: from.x + WIDE + 4, y: from.y + 4 }
  const bend = back ? 40 : 0
  const [c1, c2] = down ? [`${x1 + bend} ${(y1 + y2) / 2}`, `${x2 + bend} ${(y1 + y2) / 2}`] : [`${(x1 + x2) / 2} ${y1 + bend}`, `${(x1 + x2) / 2} ${y2 + bend}`]
  // Near its end an arrow is by itself, in the middle others may cross it.
  const at = 0.62
  const mix = (a: number, b: number) => a + (b - a) * at
  return { path: `M${x1} ${y1}C${c1} ${c2} ${x2} ${y2}`, x: down ? x2 + (x1 - x2) * 0.2 : mix(x1, x2), y: down ? mix(y1, y2) : y2 + (y1 - y2) * 0.2 + bend * 0.6 }
}

function Calls ({ map: { nodes, edges } }: { map: ServiceMap }) {
  const name = (id: string) => nodes.find(node => node.id === id)?.name ?? ''
  return (
    <Table<MapEdge>
      label='Calls' rows={edges} first='Calls' keyOf={edge => `${edge.from} ${edge.to}`}
      columns={[
        { name: 'From and to', by: edge => name(edge.from), show: edge => <a href={edgeLink(edge)}><b>{name(edge.from)} → {name(edge.to)}</b></a> },
        { name: 'Calls', number: true, by: edge => edge.calls, show: edge => count(edge.calls) },
        { name: 'Failed', number: true, by: edge => edge.failed / edge.calls, show: edge => <span class={edge.failed > 0 ? 'bad' : undefined}>{percent(edge.failed / edge.calls)}</span> },
        { name: 'p95', number: true, by: edge => edge.p95, show: edge => duration(edge.p95) }
      ]}
    />
  )
}

function shortly ({ calls, failed, p95 }: MapFigures): string {
  return [count(calls), failed > 0 && `${percent(failed / calls)} failed`, duration(p95)].filter(Boolean).join(' · ')
}

function spoken ({ calls, failed, p95 }: MapFigures): string {
  return calls === 0 ? 'no calls' : `${count(calls)} calls, ${percent(failed / calls)} failed, p95 ${duration(p95)}`
}

function cut (text: string, length: number): string {
  return text.length > length ? `${text.slice(0, length - 1)}…` : text
}

function nodeLink ({ id, name, kind, failed }: MapNode): string {
  const only = failed > 0 ? 1 : undefined
  if (kind === 'service') return href('search', { type: 'request', failed: only, text: terms({ cloud_RoleName: id.slice('service|'.length) }) })
  return href('search', { type: 'dependency', failed: only, text: `(${term('target', name)} OR ${term('name', name)})` })
}

function edgeLink ({ from, targets, failed }: MapEdge): string {
  const named = targets.filter(target => target !== '')
  const to = named.length === 0 ? '' : named.length === 1 ? term('target', named[0]) : `(${named.map(target => term('target', target)).join(' OR ')})`
  return href('search', { type: 'dependency', failed: failed > 0 ? 1 : undefined, text: `${terms({ cloud_RoleName: from.slice('service|'.length) })} ${to}`.trim() })
}
