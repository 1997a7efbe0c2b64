/** The query's text: colours, error marks, and suggestions while typing. A plain textarea, so that every keyboard and reader works. */
import { useEffect, useLayoutEffect, useMemo, useRef, useState } from 'preact/hooks'
import type { Completion } from '../kql/completion'
import { paint, withMarks, type Mark } from './highlight'

interface EditorProps {
  query: string
  change: (query: string) => void
  run: () => void
  /** What running it has found wrong. */
  wrong: Mark | undefined
}

type Item = Completion['items'][number]
interface Suggestions { start: number, length: number, items: Item[], at: number }

/** How long after a key the server is asked, in milliseconds. */
const ASK_AFTER = 150
const MOST = 60

export function Editor ({ query, change, run, wrong }: EditorProps) {
  const area = useRef<HTMLTextAreaElement>(null)
  const paper = useRef<HTMLPreElement>(null)
  const [marks, setMarks] = useState<Mark[]>([])
  const [open, setOpen] = useState<Suggestions>()
  const ask = useAsking(area, (answer, typed) => {
    setMarks(answer.problems.map(({ message, start, length }) => ({ message, start, length })))
    setOpen(typed ? suggestions(answer, query.length === 0 ? '' : area.current?.value ?? '') : undefined)
  })
  const shown = useMemo(() => withMarks(paint(query), wrong ? [wrong] : marks), [query, marks, wrong])
  const problem = wrong ?? marks[0]

  // A query that came from a link or the history is checked as well.
  useEffect(() => { if (document.activeElement !== area.current) ask(false) }, [query])
  useLayoutEffect(scroll)

  function scroll (): void {
    if (paper.current && area.current) paper.current.scrollLeft = area.current.scrollLeft
  }

  function accept (item: Item): void {
    const element = area.current
    if (!element || !open) return
    element.focus()
    element.setSelectionRange(open.start, Math.max(open.start + open.length, element.selectionStart))
    // The only way to write that can be undone.
    if (!document.execCommand('insertText', false, item.insert)) element.setRangeText(item.insert, open.start, open.start + open.length, 'end')
    element.selectionStart = element.selectionEnd = open.start + item.caret
    change(element.value)
    setOpen(undefined)
  }

  function onKeyDown (event: KeyboardEvent): void {
    if (event.key === 'Enter' && (event.shiftKey || event.ctrlKey || event.metaKey)) { setOpen(undefined); run() } else if (event.key === ' ' && event.ctrlKey) ask(true)
    else if (!open) return
    else if (event.key === 'ArrowDown' || event.key === 'ArrowUp') setOpen({ ...open, at: (open.at + (event.key === 'ArrowDown' ? 1 : -1) + open.items.length) % open.items.length })
    else if (event.key === 'Enter' || event.key === 'Tab') accept(open.items[open.at])
    else if (event.key === 'Escape') setOpen(undefined)
    else return
    event.preventDefault()
    event.stopPropagation()
  }

  return (
    <div class='editor'>
      <div class='page'>
        <pre class='paper' ref={paper} aria-hidden='true'>
          {shown.map(({ text, color, mark }, index) => <span key={index} class={[color && `kql-${color}`, mark && 'wrong'].filter(Boolean).join(' ') || undefined}>{text}</span>)}{'\n'}
        </pre>
        <textarea
          ref={area} value={query} aria-label='Query' spellcheck={false} autocapitalize='off' autocomplete='off' wrap='off' rows={Math.max(5, query.split('\n').length)}
          aria-invalid={problem !== undefined} aria-describedby='problem' aria-autocomplete='list' aria-haspopup='listbox' aria-controls='suggestions' aria-activedescendant={open ? `suggestion-${open.at}` : undefined}
          placeholder='requests | where success == false | take 10'
          onInput={event => { setMarks([]); change(event.currentTarget.value); ask(true) }} onKeyDown={onKeyDown} onScroll={scroll} onBlur={() => setOpen(undefined)} onClick={() => setOpen(undefined)}
        />
        <List open={open} query={query} scrolled={area.current?.scrollLeft ?? 0} accept={accept} />
      </div>
      <p id='problem' class='problem bad' role='status'>{problem && `Line ${lineOf(query, problem.start)}: ${problem.message}`}</p>
    </div>
  )
}

function lineOf (query: string, at: number): number {
  return query.slice(0, at).split('\n').length
}

/** Asks the server what may follow, once the keys rest, and passes over answers that are out of date. */
function useAsking (area: { current: HTMLTextAreaElement | null }, answered: (answer: Completion, typed: boolean) => void): (typed: boolean) => void {
  const latest = useRef(answered)
  latest.current = answered
  const pending = useRef<{ timer?: ReturnType<typeof setTimeout>, abort?: AbortController }>({})
  useEffect(() => () => { clearTimeout(pending.current.timer); pending.current.abort?.abort() }, [])
  return typed => {
    clearTimeout(pending.current.timer)
    pending.current.abort?.abort()
    const abort = new AbortController()
    const timer = setTimeout(() => {
      const element = area.current
      if (!element || element.value.trim() === '') return
      fetch(`/api/query/complete?position=${element.selectionEnd}`, { method: 'POST', body: element.value, signal: abort.signal })
        .then(async response => { if (response.ok) latest.current(await response.json() as Completion, typed) })
        // It may be aborted while the body is read, too.
        .catch(() => {})
    }, ASK_AFTER)
    pending.current = { timer, abort }
  }
}

function suggestions ({ start, length, items }: Completion, query: string): Suggestions | undefined {
  const typed = query.slice(start, start + length).toLowerCase()
  const before = query.slice(0, start)
  // After a space nothing is pressed on anybody, but for the names of operators behind a pipe.
  if (typed === '' && !/\|\s*$/.test(before) && before.trim() !== '') return undefined
  const fits = items.filter(({ text }) => text.toLowerCase().includes(typed) && text.toLowerCase() !== typed)
  fits.sort((a, b) => Number(b.text.toLowerCase().startsWith(typed)) - Number(a.text.toLowerCase().startsWith(typed)))
  return fits.length === 0 ? undefined : { start, length, items: fits.slice(0, MOST), at: 0 }
}

function List ({ open, query, scrolled, accept }: { open: Suggestions | undefined, query: string, scrolled: number, accept: (item: Item) => void }) {
  const list = useRef<HTMLUListElement>(null)
  useEffect(() => { list.current?.querySelector('[aria-selected="true"]')?.scrollIntoView({ block: 'nearest' }) }, [open?.at])
  if (!open) return null
  const before = query.slice(0, open.start).split('\n')
  const column = before[before.length - 1].length
  return (
    <ul
      id='suggestions' class='suggestions' role='listbox' aria-label='Suggestions' ref={list}
      style={{ top: `calc(${before.length} * 1.5em + 10px)`, left: `min(calc(${column}ch + 10px - ${scrolled}px), 100% - 250px)` }}
    >
      {open.items.map((item, index) => (
        <li
          key={index} id={`suggestion-${index}`} role='option' aria-selected={index === open.at}
          onMouseDown={event => { event.preventDefault(); accept(item) }}
        >
          {item.text}<small>{item.kind}</small>
        </li>
      ))}
    </ul>
  )
}
