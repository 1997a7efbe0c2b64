/** What the list is narrowed by: a search, whose parts are chips that can be edited and removed, kinds, failure and severity. */
import { useEffect, useRef, useState } from 'preact/hooks'
import type { RowType } from '../rows'
import { splitSearch } from '../search'
import { count, KINDS, SEVERITIES } from './format'
import { change } from './route'

/** Filters in the address that a link has set, with how to say them. */
const GIVEN: Readonly<Record<string, string>> = { operation: 'operation', name: 'operation', own: 'name', code: 'result', exception: 'exception', flag: 'flagged' }
const USUAL: readonly RowType[] = ['request', 'dependency', 'trace', 'exception']

export function Filters ({ params, counts }: { params: URLSearchParams, counts: Partial<Record<RowType, number>> }) {
  const types = (params.get('type') ?? '').split(',').filter(Boolean)
  const shown = KINDS.filter(kind => counts[kind.type] || types.includes(kind.type) || USUAL.includes(kind.type))
  const text = params.get('text') ?? ''

  function toggle (type: RowType): void {
    const next = types.includes(type) ? types.filter(other => other !== type) : [...types, type]
    change({ type: next.join(',') })
  }

  return (
    <form class='filters' role='search' onSubmit={event => event.preventDefault()}>
      <SearchBox text={text} />
      <label class='check'><input type='checkbox' checked={params.has('failed')} onChange={event => change({ failed: event.currentTarget.checked ? '1' : undefined })} /> Failed only</label>
      <select aria-label='Severity' value={params.get('severity') ?? ''} onChange={event => change({ severity: event.currentTarget.value })}>
        <option value=''>Any severity</option>
        {SEVERITIES.slice(1).map((name, index) => <option key={name} value={index + 1}>{name}{index < 3 ? ' and up' : ''}</option>)}
      </select>
      <div class='chips' role='group' aria-label='Kinds'>
        {shown.map(kind => (
          <button
            type='button' key={kind.type} class={`chip kind-${kind.type}`} aria-pressed={types.includes(kind.type)} onClick={() => toggle(kind.type)}
          >
            <span class='dot' />{kind.many} <b>{count(counts[kind.type] ?? 0)}</b>
          </button>
        ))}
      </div>
      <Terms text={text} params={params} />
    </form>
  )
}

function SearchBox ({ text }: { text: string }) {
  const search = useRef<HTMLInputElement>(null)
  useEffect(() => {
    const onKey = (event: KeyboardEvent) => {
      if (event.key !== '/' || event.target instanceof HTMLInputElement || event.target instanceof HTMLTextAreaElement || event.ctrlKey || event.metaKey) return
      event.preventDefault()
      search.current?.focus()
    }
    addEventListener('keydown', onKey)
    return () => removeEventListener('keydown', onKey)
  }, [])
  return (
    <input
      type='search' ref={search} value={text} placeholder='Search: text, status:5xx, duration>500, tenant:acme …' aria-label='Search everything' spellcheck={false} autocomplete='off'
      onInput={event => change({ text: event.currentTarget.value })}
    />
  )
}

/** Everything that is asked for, part by part. A single plain word needs no chip beside the box that it stands in. */
function Terms ({ text, params }: { text: string, params: URLSearchParams }) {
  const parts = splitSearch(text)
  const worthwhile = parts.length > 1 || /[:=<>()]|\bOR\b/.test(text)
  const replace = (index: number, part: string) => change({ text: parts.map((other, at) => at === index ? part.trim() : other).filter(Boolean).join(' ') })
  const given = Object.keys(GIVEN).filter(name => params.has(name))
  if (given.length === 0 && !worthwhile) return null
  return (
    <ul class='terms' aria-label='What is asked for'>
      {worthwhile && parts.map((part, index) => <Term key={`${index} ${part}`} value={part} set={part => replace(index, part)} />)}
      {given.map(name => <Term key={name} label={GIVEN[name]} value={params.get(name) ?? ''} set={value => change({ [name]: value })} />)}
    </ul>
  )
}

function Term ({ label, value, set }: { label?: string, value: string, set: (value: string) => void }) {
  const [editing, edit] = useState(false)
  const input = useRef<HTMLInputElement>(null)
  const name = label === undefined ? value : `${label}: ${value}`
  useEffect(() => { if (editing) input.current?.select() }, [editing])

  function onKeyDown (event: KeyboardEvent & { currentTarget: HTMLInputElement }): void {
    if (event.key === 'Escape') edit(false)
    if (event.key !== 'Enter') return
    event.preventDefault()
    edit(false)
    set(event.currentTarget.value)
  }

  if (editing) {
    return (
      <li>
        <input
          type='text' class='term' ref={input} defaultValue={value} size={Math.max(8, value.length)} aria-label={`Edit ${name}`} spellcheck={false}
          onKeyDown={onKeyDown} onBlur={event => { edit(false); if (event.currentTarget.value !== value) set(event.currentTarget.value) }}
        />
      </li>
    )
  }
  return (
    <li class='term'>
      <button type='button' class='plain' title='Edit' onClick={() => edit(true)}>{name}</button>
      <button type='button' class='plain' aria-label={`Remove ${name}`} title='Remove' onClick={() => set('')}>✕</button>
    </li>
  )
}
