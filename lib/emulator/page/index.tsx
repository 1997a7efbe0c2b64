/** The page: its frame, and the view that the address names. */
import { render } from 'preact'
import { useEffect, useReducer, useRef, useState } from 'preact/hooks'
import { Help } from './dialog'
import { Failures } from './failures'
import { Health } from './health'
import { Live } from './live'
import { Logs } from './logs'
import { ApplicationMap } from './map'
import { Metrics } from './metrics'
import { Operation } from './operation'
import { Performance } from './performance'
import { href, useRoute } from './route'
import { Scope } from './scope'
import { Search } from './search'
import { useLive, type ViewProps } from './server'
import { Top } from './top'

const VIEWS = { search: 'Search', failures: 'Failures', performance: 'Performance', map: 'Map', metrics: 'Metrics', live: 'Live', logs: 'Logs', health: 'Health' }

function App () {
  const route = useRoute()
  const { state, connected } = useLive()
  const [paused, setPaused] = useState(false)
  const [helping, help] = useState(false)
  const [zone, zoneChanged] = useReducer((zone: number) => zone + 1, 0)

  useView(route.view)

  useEffect(() => {
    const onKey = (event: KeyboardEvent) => {
      if (isTyping(event.target) || event.ctrlKey || event.metaKey || event.altKey) return
      const view = Object.keys(VIEWS)[Number(event.key) - 1]
      if (event.key === 'p') setPaused(paused => !paused)
      else if (event.key === '?') help(true)
      else if (view !== undefined) location.hash = href(view)
    }
    addEventListener('keydown', onKey)
    return () => removeEventListener('keydown', onKey)
  }, [])

  return (
    <>
      <a class='skip' href='#main' onClick={event => { event.preventDefault(); document.querySelector<HTMLElement>('#main [tabindex="0"], #main a, #main input')?.focus() }}>Skip to content</a>
      <Top views={VIEWS} route={route} state={state} connected={connected} paused={paused} pause={() => setPaused(!paused)} help={() => help(true)} />
      <Scope params={route.params} state={state} zoneChanged={() => zoneChanged(undefined)} />
      <View key={zone} route={route} state={state} paused={paused} />
      {helping && <Help close={() => help(false)} />}
    </>
  )
}

/** Names the tab, the history and the main part after the view. What had the focus may have left with the view before. */
function useView (view: string): void {
  const before = useRef(view)
  useEffect(() => {
    const name = (VIEWS as Record<string, string>)[view] ?? 'Operation'
    document.title = `${name} · Application Insights emulator`
    const main = document.getElementById('main')
    main?.setAttribute('aria-label', name)
    if (before.current !== view && document.activeElement === document.body) {
      main?.setAttribute('tabindex', '-1')
      main?.focus()
    }
    before.current = view
  }, [view])
}

function isTyping (target: EventTarget | null): boolean {
  return target instanceof HTMLInputElement || target instanceof HTMLTextAreaElement || target instanceof HTMLSelectElement
}

function View (props: ViewProps) {
  switch (props.route.view) {
    case 'operation': return <Operation {...props} />
    case 'performance': return <Performance {...props} />
    case 'failures': return <Failures {...props} />
    case 'map': return <ApplicationMap {...props} />
    case 'metrics': return <Metrics {...props} />
    case 'live': return <Live />
    case 'logs': return <Logs {...props} />
    case 'health': return <Health {...props} />
    default: return <Search {...props} />
  }
}

render(<App />, document.getElementById('app') as HTMLElement)
