/** A filter → the lines that are in sight, fetched in pieces, however many there are. */
import { type MutableRef, useEffect, useMemo, useReducer, useRef } from 'preact/hooks'
import { ask, type Line, type Lines, type State } from './server'

const PIECE = 100

export interface View {
  total: number
  counts: Lines['counts']
  /** Newest row that the view reaches to. */
  upTo: number
  /** False until the first answer to this filter is there. */
  ready: boolean
  error: string | undefined
  /** The line at this place, 0 the newest, once it has been fetched. */
  line: (place: number) => Line | undefined
  /** Where a row is, -1 if it has not been fetched. */
  placeOf: (itemId: number) => number
  /** Says what is in sight. */
  show: (from: number, to: number) => void
}

interface Pieces {
  filter: string
  upTo: number
  total: number
  counts: Lines['counts']
  pieces: Map<number, Line[]>
  ready: boolean
  error: string | undefined
}

/** `held` keeps the view as it is while rows go on arriving. */
export function useLines (filter: string, state: State | undefined, held: boolean): View {
  const [, redraw] = useReducer((n: number) => n + 1, 0)
  const current = useRef<Pieces>({ filter: '?', upTo: -1, total: 0, counts: {}, pieces: new Map(), ready: false, error: undefined })
  const inSight = useRef<[number, number]>([0, PIECE])
  const latest = useRef<Latest>({ state, held })
  latest.current = { state, held }

  const fetcher = useMemo(() => createFetcher(current, inSight, latest, () => redraw(0)), [])

  useEffect(() => {
    if (state === undefined) return
    const now = current.current
    // After a restart the emulator counts from the beginning, and the rows in sight are of the one before.
    const restarted = state.last < now.upTo
    if (now.filter !== filter || restarted) {
      current.current = { ...now, filter, upTo: -1, ready: false }
      fetcher.piece(filter, state.last, 0)
    } else if (state.size === 0 && now.total > 0) {
      // Cleared.
      current.current = { ...now, upTo: state.last, total: 0, counts: {}, pieces: new Map() }
      redraw(0)
    } else fetcher.newer()
  }, [filter, state, held])

  const { total, counts, upTo, ready, error, pieces } = current.current
  return {
    total,
    counts,
    upTo,
    ready,
    error,
    line: place => pieces.get(Math.floor(place / PIECE))?.[place % PIECE],
    placeOf (itemId) {
      if (itemId < 0) return -1
      for (const [number, lines] of pieces) {
        const at = lines.findIndex(line => line.itemId === itemId)
        if (at >= 0) return number * PIECE + at
      }
      return -1
    },
    show (from, to) {
      inSight.current = [from, to]
      fetcher.missing()
    }
  }
}

interface Latest { state: State | undefined, held: boolean }

/** Asks for one piece at a time of each kind, and for what has come meanwhile. */
function createFetcher (current: MutableRef<Pieces>, inSight: MutableRef<[number, number]>, latest: MutableRef<Latest>, redraw: () => void) {
  const asking = new Set<string>()
  const fetcher = {
    async piece (filter: string, upTo: number, number: number): Promise<void> {
      const key = `${filter}|${upTo}|${number}`
      if (asking.has(key)) return
      asking.add(key)
      try {
        const answer = await ask<Lines>(`/api/lines?${filter}&upTo=${upTo}&offset=${number * PIECE}&limit=${PIECE}`)
        const now = current.current
        if (now.filter !== filter || now.upTo > upTo) return
        // The old lines stay in sight until new ones have come, so that nothing flickers.
        if (now.upTo < upTo || !now.ready) current.current = { ...now, upTo, pieces: new Map(), ready: true }
        Object.assign(current.current, { total: answer.total, counts: answer.counts, error: undefined })
        current.current.pieces.set(number, answer.lines)
      } catch (error) {
        current.current.error = (error as Error).message
        // The next signal tries again; trying at once would spin.
        return
      } finally {
        asking.delete(key)
        redraw()
      }
      fetcher.missing()
      fetcher.newer()
    },
    /** Under load rows have come while the last ones were being fetched. */
    newer (): void {
      const { state, held } = latest.current
      const { filter, upTo, ready } = current.current
      if (state && !held && ready && state.last > upTo && asking.size === 0) {
        fetcher.piece(filter, state.last, Math.floor(inSight.current[0] / PIECE))
      }
    },
    missing (): void {
      const { filter, upTo, pieces, total, ready } = current.current
      if (!ready) return
      const [from, to] = inSight.current
      for (let number = Math.floor(from / PIECE); number * PIECE < Math.min(to, total); number++) {
        if (!pieces.has(number)) fetcher.piece(filter, upTo, number)
      }
    }
  }
  return fetcher
}
