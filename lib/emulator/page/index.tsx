/** The page: its frame, and the view that the address names. */
import { render } from 'preact'
import { useEffect, useRef, useState } from 'preact/hooks'
import { connectionString, Copy } from './copy'
import { Failures } from './failures'
import { count, size } from './format'
import { Health } from './health'
import { Live } from './live'
import { Operation } from './operation'
import { Performance } from './performance'
import { href, useRoute, type Route } from './route'
import { Search } from './search'
import { clearRows, useLive, type State } from './server'

const VIEWS = { search: 'Search', performance: 'Performance', failures: 'Failures', live: 'Live', health: 'Health' }
const THEMES = ['', 'light', 'dark']

function App () {
  const route = useRoute()
  const { state, connected } = useLive()
  const [paused, setPaused] = useState(false)
  const [theme, setTheme] = useTheme()

  useEffect(() => {
    const onKey = (event: KeyboardEvent) => {
      if (event.key === 'p' && !(event.target instanceof HTMLInputElement) && !event.ctrlKey && !event.metaKey) setPaused(paused => !paused)
    }
    addEventListener('keydown', onKey)
    return () => removeEventListener('keydown', onKey)
  }, [])

  return (
    <>
      <a class='skip' href='#main' onClick={event => { event.preventDefault(); document.querySelector<HTMLElement>('.grid')?.focus() }}>To the rows</a>
      <header class='top'>
        <img src='/icon.svg' alt='' width={24} height={24} />
        <h1>Application Insights <span>emulator</span></h1>
        <nav aria-label='Views'>
          {Object.entries(VIEWS).map(([view, name]) => <a key={view} href={href(view)} aria-current={route.view === view ? 'page' : undefined}>{name}</a>)}
        </nav>
        <div class='tools'>
          <span class={connected ? paused ? 'live paused' : 'live' : 'live off'} role='status'>{connected ? paused ? 'Paused' : 'Live' : 'Not connected'}</span>
          {state && <span class='kept' title={`${count(state.dropped)} older rows have left`}>{count(state.size)} rows, {size(state.bytes)}</span>}
          <button type='button' aria-pressed={paused} title='Pause (p)' onClick={() => setPaused(!paused)}>{paused ? 'Resume' : 'Pause'}</button>
          <Copy text={connectionString}>Copy connection string</Copy>
          <Transfer />
          <button type='button' onClick={clearRows} title='Forget every row'>Clear</button>
          <button type='button' class='plain' aria-label={`Colours: ${theme || 'as the system'}`} title={`Colours: ${theme || 'as the system'}`} onClick={() => setTheme(THEMES[(THEMES.indexOf(theme) + 1) % THEMES.length])}>◐</button>
        </div>
      </header>
      <View route={route} state={state} paused={paused} />
    </>
  )
}

function View ({ route, ...rest }: { route: Route, state: State | undefined, paused: boolean }) {
  switch (route.view) {
    case 'operation': return <Operation route={route} {...rest} />
    case 'performance': return <Performance route={route} {...rest} />
    case 'failures': return <Failures {...rest} />
    case 'live': return <Live />
    case 'health': return <Health {...rest} />
    default: return <Search route={route} {...rest} />
  }
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
      .then(({ itemsAccepted, error }) => say(error ?? `${count(itemsAccepted ?? 0)} rows imported`), (error: Error) => say(error.message))
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
  const [theme, setTheme] = useState(() => localStorage.getItem('theme') ?? '')
  useEffect(() => {
    document.documentElement.dataset.theme = theme
    localStorage.setItem('theme', theme)
  }, [theme])
  return [theme, setTheme]
}

render(<App />, document.getElementById('app') as HTMLElement)
