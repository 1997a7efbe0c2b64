/** A graph → places: callers before those they call, layer by layer, with few crossings. */

export interface Edge { from: string, to: string }
export interface Placed { id: string, layer: number, place: number }

/** Rounds of putting each node near the middle of its neighbours. */
const ROUNDS = 8

export function layered (ids: readonly string[], edges: readonly Edge[]): { nodes: Placed[], layers: string[][] } {
  const forward = withoutCircles(ids, edges)
  const layer = layersOf(ids, forward)
  const layers: string[][] = Array.from({ length: Math.max(0, ...layer.values()) + 1 }, () => [])
  for (const id of ids) layers[layer.get(id) ?? 0].push(id)
  for (let round = 0; round < ROUNDS; round++) untangle(layers, forward, round % 2 === 0)
  const nodes = layers.flatMap((ids, layer) => ids.map((id, place) => ({ id, layer, place: place - (ids.length - 1) / 2 })))
  return { nodes, layers }
}

/** Services can call each other in a circle: the call that closes it is turned for the layout. */
function withoutCircles (ids: readonly string[], edges: readonly Edge[]): Edge[] {
  const out = new Map<string, Edge[]>()
  for (const edge of edges) if (edge.from !== edge.to) out.set(edge.from, [...out.get(edge.from) ?? [], edge])
  const state = new Map<string, 'open' | 'done'>()
  const forward: Edge[] = []
  const visit = (id: string): void => {
    state.set(id, 'open')
    for (const edge of out.get(id) ?? []) {
      const other = state.get(edge.to)
      forward.push(other === 'open' ? { from: edge.to, to: edge.from } : edge)
      if (other === undefined) visit(edge.to)
    }
    state.set(id, 'done')
  }
  // Those that nobody calls come first, or the direction of a circle would be chance.
  const called = new Set(edges.filter(({ from, to }) => from !== to).map(({ to }) => to))
  for (const id of [...ids.filter(id => !called.has(id)), ...ids]) if (!state.has(id)) visit(id)
  return forward
}

/** As far to the right as the longest way there. */
function layersOf (ids: readonly string[], edges: readonly Edge[]): Map<string, number> {
  const layer = new Map(ids.map(id => [id, 0]))
  for (let changed = true, round = 0; changed && round <= ids.length; round++) {
    changed = false
    for (const { from, to } of edges) {
      const least = (layer.get(from) ?? 0) + 1
      if ((layer.get(to) ?? 0) >= least) continue
      layer.set(to, least)
      changed = true
    }
  }
  return layer
}

function untangle (layers: string[][], edges: readonly Edge[], down: boolean): void {
  const place = new Map(layers.flatMap(ids => ids.map((id, at) => [id, at - (ids.length - 1) / 2] as const)))
  for (const ids of down ? layers : [...layers].reverse()) {
    const middle = new Map(ids.map(id => {
      const near = edges.flatMap(({ from, to }) => down ? to === id ? [from] : [] : from === id ? [to] : [])
      const sum = near.reduce((sum, other) => sum + (place.get(other) ?? 0), 0)
      return [id, near.length === 0 ? place.get(id) ?? 0 : sum / near.length]
    }))
    ids.sort((a, b) => (middle.get(a) ?? 0) - (middle.get(b) ?? 0))
    ids.forEach((id, at) => place.set(id, at - (ids.length - 1) / 2))
  }
}
