/** Queries in KQL over the rows: an editor, the answer as a table or a chart, and what was asked before. */
import { useEffect, useState } from 'preact/hooks'
import type { QueryResult } from '../kql/output'
import { Copy } from './copy'
import { Editor } from './editor'
import { Examples } from './examples'
import { plural } from './format'
import { markAt, type Mark } from './highlight'
import { pastQueries, remember, forget } from './past'
import { Results } from './results'
import { change, href, scopeQuery } from './route'
import type { ViewProps } from './server'

type Outcome = { result: QueryResult, took: number } | { error: string, code?: string, mark?: Mark } | undefined

export function Logs ({ route: { params }, state }: ViewProps) {
  const linked = params.get('q') ?? undefined
  const [query, setQuery] = useState(() => linked ?? pastQueries()[0] ?? '')
  const [outcome, setOutcome] = useState<Outcome>()
  const [running, setRunning] = useState<AbortController>()
  const scope = scopeQuery(params)
  const mark = outcome !== undefined && 'error' in outcome ? outcome.mark : undefined

  function run (text: string): void {
    if (text.trim() === '') return
    running?.abort()
    const abort = new AbortController()
    setRunning(abort)
    remember(text)
    ask(text, scope, abort.signal).then(outcome => { if (!abort.signal.aborted) setOutcome(outcome) })
      .catch((error: Error) => { if (!abort.signal.aborted) setOutcome({ error: error.message }) })
      .finally(() => setRunning(now => now === abort ? undefined : now))
  }

  /** The address holds what is run, so that it can be sent to somebody, and a step back leads to the query before. */
  function start (text: string): void {
    if (text === linked) run(text)
    else change({ q: text }, { replace: false })
  }

  useEffect(() => {
    if (linked === undefined) return
    setQuery(linked)
    run(linked)
  }, [linked, scope])

  return (
    <main class='sums logs' id='main'>
      <header class='heading'>
        <h2>Logs</h2>
        <p>Ask in KQL, as in the portal.{scope !== '' && ' The time range and role above apply.'}</p>
      </header>
      <Editor query={query} change={text => { setQuery(text); if (mark) setOutcome(undefined) }} run={() => start(query)} wrong={mark} />
      <div class='actions'>
        <button type='button' class='primary' disabled={query.trim() === ''} onClick={() => start(query)}>Run <kbd>Shift Enter</kbd></button>
        {running && <button type='button' onClick={() => { running.abort(); setRunning(undefined) }}>Cancel</button>}
        <Copy text={() => `${location.origin}/${href('logs', { q: query })}`}>Copy link</Copy>
        <Past choose={text => { setQuery(text); start(text) }} />
        <span class='soft' role='status'>{running ? 'Running…' : outcome && 'result' in outcome ? `${plural(outcome.result.rows.length, 'row')} in ${Math.round(outcome.took)} ms` : ''}</span>
      </div>
      {outcome && 'error' in outcome && <Failure error={outcome.error} code={outcome.code} marked={outcome.mark !== undefined} />}
      {outcome && 'result' in outcome && <Results result={outcome.result} />}
      <Examples state={state} choose={text => { setQuery(text); start(text) }} open={outcome === undefined && !running} />
    </main>
  )
}

async function ask (query: string, scope: string, signal: AbortSignal): Promise<Outcome> {
  const begun = performance.now()
  const response = await fetch(`/api/query?${scope}`, { method: 'POST', body: query, signal })
  const body = await response.json() as QueryResult & { error?: string, code?: string, line?: number, column?: number }
  if (body.error === undefined) return { result: body, took: performance.now() - begun }
  const message = body.error.replace(/ \(line \d+, column \d+\)$/, '')
  return { error: message, code: body.code, mark: body.line === undefined || body.column === undefined ? undefined : markAt(query, body.line, body.column, message) }
}

function Failure ({ error, code, marked }: { error: string, code: string | undefined, marked: boolean }) {
  if (code === 'FAI_KQL_NOT_INSTALLED') {
    return (
      <div class='empty'>
        <h2>Install the KQL parser</h2>
        <p>Queries need Microsoft's parser, which is not installed. Run this in your project, then start the emulator again.</p>
        <pre>npm install --save-dev @kusto/language-service-next</pre>
      </div>
    )
  }
  // A mark says the same at its place.
  return marked ? null : <p class='bad pad' role='alert'>{error}</p>
}

function Past ({ choose }: { choose: (query: string) => void }) {
  const [open, setOpen] = useState(false)
  const past = open ? pastQueries() : []
  return (
    <details class='menu' open={open} onToggle={event => setOpen(event.currentTarget.open)}>
      <summary>History</summary>
      <div class='past'>
        {past.length === 0 && <p class='soft'>Queries that you run show up here.</p>}
        {past.map(query => <button type='button' key={query} title={query} onClick={() => { setOpen(false); choose(query) }}>{query}</button>)}
        {past.length > 0 && <button type='button' class='soft' onClick={() => { forget(); setOpen(false) }}>Clear the history</button>}
      </div>
    </details>
  )
}
