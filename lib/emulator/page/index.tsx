/** The page: its frame, and the view that the address names. */
import { render } from 'preact'
import { useEffect, useState } from 'preact/hooks'
import { Copy } from './copy'
import { count, size } from './format'
import { href, useRoute } from './route'
import { Search } from './search'
import { clearRows, useLive } from './server'

function App () {
  const route = useRoute()
  const { state, connected } = useLive()
  const [paused, setPaused] = useState(false)

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
          <a href={href('search')} aria-current={route.view === 'search' ? 'page' : undefined}>Search</a>
        </nav>
        <div class='tools'>
          <span class={connected ? paused ? 'live paused' : 'live' : 'live off'} role='status'>{connected ? paused ? 'Paused' : 'Live' : 'Not connected'}</span>
          {state && <span class='kept' title={`${count(state.dropped)} older rows have left`}>{count(state.size)} rows, {size(state.bytes)}</span>}
          <button type='button' aria-pressed={paused} title='Pause (p)' onClick={() => setPaused(!paused)}>{paused ? 'Resume' : 'Pause'}</button>
          <Copy text={() => `InstrumentationKey=00000000-0000-0000-0000-000000000000;IngestionEndpoint=${location.origin}`}>Copy connection string</Copy>
          <button type='button' onClick={clearRows}>Clear</button>
        </div>
      </header>
      <Search route={route} state={state} paused={paused} />
    </>
  )
}

render(<App />, document.getElementById('app') as HTMLElement)
