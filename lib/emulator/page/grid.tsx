/** Any number of lines → the few in sight, as a grid that the keyboard can walk. */
import type { ComponentChildren } from 'preact'
import { useEffect, useLayoutEffect, useRef, useState } from 'preact/hooks'

const MARGIN = 12

interface GridProps {
  label: string
  /** In pixels. */
  lineHeight: number
  class?: string
  columns: ComponentChildren[]
  total: number
  /** Place of the chosen line, -1 for none. */
  chosen: number
  /** Where the keyboard goes on if no line is chosen: the one that was chosen last. */
  left?: number
  choose: (place: number) => void
  show: (from: number, to: number) => void
  /** Whether the newest line is in sight. */
  atTop: (top: boolean) => void
  /** A change of it leads back to the first line. */
  resetKey: string
  /** A line to bring into sight when it changes. */
  reach?: number
  children: (place: number) => ComponentChildren
}

export function Grid ({ label, lineHeight, class: more = '', columns, total, chosen, left = -1, choose, show, atTop, resetKey, reach, children }: GridProps) {
  const scroller = useRef<HTMLDivElement>(null)
  const [window, setWindow] = useState({ top: 0, height: 600 })
  const from = Math.max(0, Math.floor(window.top / lineHeight) - MARGIN)
  const to = Math.min(total, Math.ceil((window.top + window.height) / lineHeight) + MARGIN)

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
  useEffect(() => { atTop(window.top < lineHeight) }, [window.top < lineHeight])
  useLayoutEffect(() => { scroller.current?.scrollTo({ top: 0 }) }, [resetKey])
  useLayoutEffect(() => { if (reach !== undefined && reach >= 0) reveal(scroller.current, reach, lineHeight, true) }, [reach])

  function onKeyDown (event: KeyboardEvent): void {
    const page = Math.max(1, Math.floor(window.height / lineHeight) - 1)
    const now = chosen < 0 ? left : chosen
    const targets: Record<string, number> = {
      ArrowDown: now + 1,
      ArrowUp: now < 0 ? 0 : now - 1,
      PageDown: now + page,
      PageUp: now - page,
      Home: 0,
      End: total - 1
    }
    if (total === 0 || event.ctrlKey || event.metaKey || event.altKey || !Object.hasOwn(targets, event.key)) return
    event.preventDefault()
    const place = Math.min(total - 1, Math.max(0, targets[event.key]))
    reveal(scroller.current, place, lineHeight)
    choose(place)
  }

  const places = Array.from({ length: Math.max(0, to - from) }, (_, index) => from + index)
  return (
    <div
      class={`grid ${more}`} role='grid' aria-label={label} aria-rowcount={total + 1} tabIndex={0} ref={scroller}
      aria-activedescendant={chosen >= from && chosen < to ? `line-${chosen}` : undefined}
      onKeyDown={onKeyDown}
      onScroll={event => setWindow({ top: event.currentTarget.scrollTop, height: event.currentTarget.clientHeight })}
    >
      <div class='grid-head' role='row' aria-rowindex={1}>
        {columns.map((column, index) => <span key={index} role='columnheader'>{column}</span>)}
      </div>
      <div class='grid-body' role='rowgroup' style={{ height: `${total * lineHeight}px` }}>
        {places.map(place => (
          <div
            key={place} id={`line-${place}`} role='row' aria-rowindex={place + 2} aria-selected={place === chosen}
            class={place === chosen ? 'line chosen' : 'line'} style={{ height: `${lineHeight}px`, transform: `translateY(${place * lineHeight}px)` }}
            onClick={() => choose(place)}
          >
            {children(place)}
          </div>
        ))}
      </div>
    </div>
  )
}

function reveal (element: HTMLElement | null, place: number, lineHeight: number, middle = false): void {
  if (!element) return
  const top = place * lineHeight
  const above = top < element.scrollTop
  const below = top + lineHeight > element.scrollTop + element.clientHeight
  if (!above && !below) return
  if (middle) element.scrollTop = top - element.clientHeight / 2
  else element.scrollTop = above ? top : top + lineHeight - element.clientHeight
}
