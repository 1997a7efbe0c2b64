/** A window above the page: asks, or explains. Esc closes it. */
import type { ComponentChildren } from 'preact'
import { useEffect, useRef } from 'preact/hooks'

export function Dialog ({ title, close, children }: { title: string, close: () => void, children: ComponentChildren }) {
  const element = useRef<HTMLDialogElement>(null)
  useEffect(() => { element.current?.showModal() }, [])
  return (
    <dialog ref={element} aria-label={title} onClose={close} onClick={event => { if (event.target === event.currentTarget) close() }}>
      <header><h2>{title}</h2><button type='button' class='plain' aria-label='Close' onClick={close}>✕</button></header>
      {children}
    </dialog>
  )
}

const KEYS: Array<[keys: string, does: string]> = [
  ['/', 'Search'],
  ['p', 'Pause and resume'],
  ['↑ ↓ Page Home End', 'Walk the rows'],
  ['← →', 'Read a chart; fold and unfold a step of an operation'],
  ['Esc', 'Close the row'],
  ['1 … 9', 'Go to a view, in the order of the menu'],
  ['Shift Enter', 'Run the query in Logs'],
  ['Ctrl Space', 'Suggest how to go on, in Logs'],
  ['?', 'This help']
]

const SEARCHES: Array<[search: string, finds: string]> = [
  ['bank did not answer', 'rows that have all of these words'],
  ['"did not answer"', 'rows that have this text'],
  ['status:5xx', 'a column; status, role, operation, user and level are short for longer names'],
  ['name:"GET /orders*"', '* stands for any text'],
  ['duration>500', 'also >=, <, <=, != and =, with units: duration>1.5s'],
  ['tenant:acme', 'a custom dimension or measurement'],
  ['user:*', 'rows that have one at all'],
  ['status:5xx OR level:error', 'either; AND is what a space means'],
  ['-operation:"GET /health"', 'not; NOT does the same']
]

export function Help ({ close }: { close: () => void }) {
  return (
    <Dialog title='Keys and search' close={close}>
      <h3>Keys</h3>
      <dl>{KEYS.map(([keys, does]) => <div key={keys}><dt><kbd>{keys}</kbd></dt><dd>{does}</dd></div>)}</dl>
      <h3>Search</h3>
      <dl>{SEARCHES.map(([search, finds]) => <div key={search}><dt><code>{search}</code></dt><dd>{finds}</dd></div>)}</dl>
    </Dialog>
  )
}
