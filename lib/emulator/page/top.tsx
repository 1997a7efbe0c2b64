/** The page's head: the views, whether rows arrive, and what can be done with all of them. */
import { useEffect, useRef, useState } from 'preact/hooks'
import { connectionString, Copy } from './copy'
import { Dialog } from './dialog'
import { count, plural, size } from './format'
import { href, type Route } from './route'
import { clearRows, type State } from './server'
import { keep, kept } from './storage'

const THEMES = ['', 'light', 'dark']

interface TopProps {
  views: Readonly<Record<string, string>>
  route: Route
  state: State | undefined
  connected: boolean
  paused: boolean
  pause: () => void
  help: () => void
}

export function Top ({ views, route, state, connected, paused, pause, help }: TopProps) {
  return (
    <header class='top'>
      <a class='home' href='#/search'><img src='/icon.svg' alt='' width={24} height={24} /><h1>Application Insights <span>emulator</span></h1></a>
      <nav aria-label='Views'>
        {Object.entries(views).map(([view, name]) => <a key={view} href={href(view)} aria-current={route.view === view ? 'page' : undefined}>{name}</a>)}
      </nav>
      <div class='tools'>
        <span class={connected ? paused ? 'live paused' : 'live' : 'live off'} role='status'>{connected ? paused ? 'Paused' : 'Live' : 'Not connected'}</span>
        {state && <span class='kept' title={`${count(state.dropped)} evicted`}>{plural(state.size, 'row')}, {size(state.bytes)}</span>}
        <button type='button' aria-pressed={paused} title='Pause (p)' onClick={pause}>{paused ? 'Resume' : 'Pause'}</button>
        <Clear state={state} />
        <Menu help={help} />
      </div>
    </header>
  )
}

/** Nothing brings the rows back, so it asks; with a way to keep them. */
function Clear ({ state }: { state: State | undefined }) {
  const [asking, ask] = useState(false)
  const rows = state?.size ?? 0
  return (
    <>
      <button type='button' disabled={rows === 0} onClick={() => ask(true)}>Clear</button>
      {asking && (
        <Dialog title={`Delete ${plural(rows, 'row')}?`} close={() => ask(false)}>
          <p>They can't be brought back. Export them first if you might need them.</p>
          <div class='choices'>
            <button type='button' class='primary' onClick={() => { clearRows().finally(() => ask(false)) }}>Delete {plural(rows, 'row')}</button>
            <a class='button' href='/api/export' download='telemetry.ndjson'>Export</a>
            <button type='button' onClick={() => ask(false)}>Cancel</button>
          </div>
        </Dialog>
      )}
    </>
  )
}

function Menu ({ help }: { help: () => void }) {
  const menu = useRef<HTMLDetailsElement>(null)
  const [theme, setTheme] = useTheme()
  useEffect(() => {
    const shut = (event: Event) => {
      const element = menu.current
      if (!element?.open || (event instanceof KeyboardEvent ? event.key !== 'Escape' : element.contains(event.target as Element))) return
      element.open = false
    }
    addEventListener('pointerdown', shut)
    addEventListener('keydown', shut)
    return () => { removeEventListener('pointerdown', shut); removeEventListener('keydown', shut) }
  }, [])
  const colours = `Colours: ${theme || 'as the system'}`
  return (
    <details class='menu' ref={menu}>
      <summary>More</summary>
      <div>
        <Copy text={connectionString}>Copy connection string</Copy>
        <Transfer />
        <button type='button' onClick={() => setTheme(THEMES[(THEMES.indexOf(theme) + 1) % THEMES.length])}>{colours}</button>
        <button type='button' onClick={() => { if (menu.current) menu.current.open = false; help() }}>Keys and search <kbd>?</kbd></button>
      </div>
    </details>
  )
}

/** Rows to a file and back. */
function Transfer () {
  const file = useRef<HTMLInputElement>(null)
  const [said, say] = useState<string>()
  function send (input: HTMLInputElement): void {
    const [chosen] = input.files ?? []
    if (!chosen) return
    fetch('/api/import', { method: 'POST', body: chosen })
      .then(async response => await response.json() as { itemsAccepted?: number, error?: string })
      .then(({ itemsAccepted, error }) => say(error ?? `${plural(itemsAccepted ?? 0, 'row')} imported`), (error: Error) => say(error.message))
      .finally(() => {
        input.value = ''
        setTimeout(() => say(undefined), 3_000)
      })
  }
  return (
    <>
      <a class='button' href='/api/export' download='telemetry.ndjson'>Export</a>
      <button type='button' onClick={() => file.current?.click()}>{said ?? 'Import'}</button>
      <input type='file' ref={file} hidden accept='.ndjson,.json' aria-label='File to import' onChange={event => send(event.currentTarget)} />
    </>
  )
}

/** The system's colours unless chosen otherwise; the choice is kept in this browser. */
function useTheme (): [string, (theme: string) => void] {
  const [theme, setTheme] = useState(() => kept('theme') ?? '')
  useEffect(() => {
    document.documentElement.dataset.theme = theme
    keep('theme', theme)
  }, [theme])
  return [theme, setTheme]
}
