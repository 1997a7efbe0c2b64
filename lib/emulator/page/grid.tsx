/** Any number of lines → the few in sight, as a grid that the keyboard can walk. */
import type { ComponentChildren } from 'preact'
import { useEffect, useLayoutEffect, useRef, useState } from 'preact/hooks'

export const LINE_HEIGHT = 34
const MARGIN = 12

interface GridProps {
  label: string
  columns: string[]
  total: number
  /** Place of the chosen line, -1 for none. */
  chosen: number
  choose: (place: number) => void
  show: (from: number, to: number) => void
  /** Whether the newest line is in sight. */
  atTop: (top: boolean) => void
  /** A change of it leads back to the first line. */
  resetKey: string
  children: (place: number) => ComponentChildren
}

export function Grid ({ label, columns, total, chosen, choose, show, atTop, resetKey, children }: GridProps) {
  const scroller = useRef<HTMLDivElement>(null)
  const [window, setWindow] = useState({ top: 0, height: 600 })
  const from = Math.max(0, Math.floor(window.top / LINE_HEIGHT) - MARGIN)
  const to = Math.min(total, Math.ceil((window.top + window.height) / LINE_HEIGHT) + MARGIN)

  useLayoutEffect(() => {
    const element = scroller.current
    if (!element) return
    const measure = () => setWindow({ top: element.scrollTop, height: element.clientHeight })
    const observer = new ResizeObserver(measure)
    observer.observe(element)
    measure()
    return () => observer.disconnect()
  }, [])

  useEffect(() => { show(from, to) }, [from, to, total])
  useEffect(() => { atTop(window.top < LINE_HEIGHT) }, [window.top < LINE_HEIGHT])
  useLayoutEffect(() => { scroller.current?.scrollTo({ top: 0 }) }, [resetKey])

  function reveal (place: number): void {
    const element = scroller.current
    if (!element) return
    const top = place * LINE_HEIGHT
    if (top < element.scrollTop) element.scrollTop = top
    else if (top + LINE_HEIGHT > element.scrollTop + element.clientHeight) element.scrollTop = top + LINE_HEIGHT - element.clientHeight
  }

  function onKeyDown (event: KeyboardEvent): void {
    const page = Math.max(1, Math.floor(window.height / LINE_HEIGHT) - 1)
    const targets: Record<string, number> = {
      ArrowDown: chosen + 1,
      ArrowUp: chosen < 0 ? 0 : chosen - 1,
      PageDown: chosen + page,
      PageUp: chosen - page,
      Home: 0,
      End: total - 1
    }
    if (total === 0 || event.ctrlKey || event.metaKey || event.altKey || !Object.hasOwn(targets, event.key)) return
    event.preventDefault()
    const place = Math.min(total - 1, Math.max(0, targets[event.key]))
    reveal(place)
    choose(place)
  }

  const places = Array.from({ length: Math.max(0, to - from) }, (_, index) => from + index)
  return (
    <div
      class='grid' role='grid' aria-label={label} aria-rowcount={total + 1} tabIndex={0} ref={scroller}
      aria-activedescendant={chosen >= from && chosen < to ? `line-${chosen}` : undefined}
      onKeyDown={onKeyDown}
      onScroll={event => setWindow({ top: event.currentTarget.scrollTop, height: event.currentTarget.clientHeight })}
    >
      <div class='grid-head' role='row' aria-rowindex={1}>
        {columns.map(column => <span key={column} role='columnheader'>{column}</span>)}
      </div>
      <div class='grid-body' role='rowgroup' style={{ height: `${total * LINE_HEIGHT}px` }}>
        {places.map(place => (
          <div
            key={place} id={`line-${place}`} role='row' aria-rowindex={place + 2} aria-selected={place === chosen}
            class={place === chosen ? 'line chosen' : 'line'} style={{ transform: `translateY(${place * LINE_HEIGHT}px)` }}
            onClick={() => choose(place)}
          >
            {children(place)}
          </div>
        ))}
      </div>
    </div>
  )
}
