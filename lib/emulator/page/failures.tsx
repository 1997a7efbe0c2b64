/** What goes wrong: by problem, by operation, by call, by result code. */
import type { CodeClass, CodeSum, FailedCall, FailedOperation, FailureSums, ProblemSum, Reach } from '../problems'
import type { RowType } from '../rows'
import { term, terms } from '../search'
import { Spark, TimeChart, timesOf } from './chart'
import { ago, count, kindName, percent, plural, second } from './format'
import { href, scopeQuery } from './route'
import { useAnswer, type ViewProps } from './server'
import { Table, type Column } from './table'

const CLASSES: Record<CodeClass, { name: string, color: string }> = {
  server: { name: 'Server errors (5xx)', color: 'is-server' },
  client: { name: 'Client errors (4xx)', color: 'is-client' },
  other: { name: 'Other failures', color: 'is-other' }
}

export function Failures ({ route, state, paused }: ViewProps) {
  const { answer, error } = useAnswer<FailureSums>(`/api/failures?${scopeQuery(route.params)}`, state, paused)
  const nothing = answer && answer.codes.length === 0 && answer.problems.length === 0
  return (
    <main class='sums' id='main'>
      <header class='heading'>
        <h2>Failures</h2>
        {answer && <p>{count(answer.failed)} of {plural(answer.total, 'request')} failed</p>}
        {answer && (Object.keys(CLASSES) as CodeClass[]).map(name => answer.classes[name] > 0 && (
          <a key={name} class={`pillar ${CLASSES[name].color}`} href={href('search', { type: 'request', failed: 1, text: name === 'server' ? 'status:5xx' : name === 'client' ? 'status:4xx' : '-status:4xx -status:5xx' })}>
            <b>{count(answer.classes[name])}</b> {CLASSES[name].name}
          </a>
        ))}
      </header>
      {error && <p class='bad pad'>{error}</p>}
      {nothing && <div class='empty'><h2>Nothing has failed</h2><p>Exceptions, and failed requests and calls show up here.</p></div>}
      {answer && !nothing && (
        <>
          {answer.total > 0 && <Over sums={answer} />}
          <section class='block'><h3>Problems</h3><Problems problems={answer.problems} /></section>
          <section class='block'><h3>Operations</h3><Operations operations={answer.operations} /></section>
          <section class='block'><h3>Calls to others</h3><Calls calls={answer.calls} /></section>
          <section class='block'><h3>Result codes</h3><Codes codes={answer.codes} /></section>
        </>
      )}
    </main>
  )
}

function Over ({ sums: { bins, over } }: { sums: FailureSums }) {
  const series = [
    { name: 'Server errors', color: 'is-server', values: over.server }, { name: 'Client errors', color: 'is-client', values: over.client },
    { name: 'Other failures', color: 'is-other', values: over.other }, { name: 'Successful', color: 'is-ok', values: over.ok }
  ].filter(({ name, values }) => name === 'Successful' || values.some(value => value > 0))
  return <div class='wide'><TimeChart label='Requests over time' times={timesOf(bins)} series={series} kind='bars' /></div>
}

/** How far it reaches and when it was last seen. */
function reach<T extends Reach> (users: boolean): Array<Column<T> | false> {
  return [
    { name: 'Impact', title: 'Operations that have it, and users where they are known', number: true, by: row => row.operations, show: row => <>{count(row.operations)}{users && row.users > 0 && <small>{plural(row.users, 'user')}</small>}</> },
    { name: 'Last seen', by: row => row.lastSeen, show: row => <span title={second(row.lastSeen)}>{ago(row.lastSeen)}</span> }
  ]
}

function Problems ({ problems }: { problems: ProblemSum[] }) {
  return (
    <Table<ProblemSum>
      label='Problems' rows={problems} first='Count' keyOf={row => `${row.problemId} ${row.pattern}`} empty='No exceptions'
      columns={[
        {
          name: 'Problem',
          by: row => row.exceptionType,
          show: row => <a href={problemLink(row)}><b><bdi>{row.exceptionType || '(no type)'}</bdi></b> <bdi>{row.message}</bdi><small>{row.problemId === row.exceptionType ? '' : row.problemId.replace(`${row.exceptionType} `, '')}</small></a>
        },
        { name: 'Over time', wide: true, show: row => <Spark over={row.over} failed={row.over} label={row.exceptionType} /> },
        { name: 'Count', number: true, by: row => row.count, show: row => count(row.count) },
        ...reach<ProblemSum>(problems.some(({ users }) => users > 0))
      ]}
    />
  )
}

function problemLink ({ exceptionType, pattern, problemId, example }: ProblemSum): string {
  const parts = [term('exceptionType', exceptionType), term('problemId', problemId), ...pattern === '' || pattern === '*' ? [] : [term('message', pattern, ':')]]
  return href('search', { type: 'exception', text: exceptionType === '' ? undefined : parts.join(' '), row: example })
}

function Operations ({ operations }: { operations: FailedOperation[] }) {
  return (
    <Table<FailedOperation>
      label='Operations' rows={operations} first='Failed' keyOf={row => `${row.name} ${row.role}`} empty='No failed requests'
      columns={[
        { name: 'Operation', by: row => row.name, show: row => <a href={href('search', { type: 'request', failed: 1, text: terms({ name: row.name, cloud_RoleName: row.role }), row: row.example })}><b>{row.name || '(no name)'}</b><small>{row.role}</small></a> },
        { name: 'Failed', number: true, by: row => row.failed, show: row => count(row.failed) },
        { name: 'Share', title: 'Of all requests to it', number: true, by: row => row.failed / row.count, show: row => <>{percent(row.failed / row.count)}<small>of {count(row.count)}</small></> },
        { name: '5xx', number: true, wide: true, by: row => row.server, show: row => <span class='is-server'>{count(row.server)}</span> },
        { name: '4xx', number: true, wide: true, by: row => row.client, show: row => <span class='is-client'>{count(row.client)}</span> },
        ...reach<FailedOperation>(operations.some(({ users }) => users > 0))
      ]}
    />
  )
}

function Calls ({ calls }: { calls: FailedCall[] }) {
  return (
    <Table<FailedCall>
      label='Calls to others' rows={calls} first='Count' keyOf={row => `${row.name} ${row.target} ${row.resultCode} ${row.role}`} empty='No failed calls'
      columns={[
        { name: 'Call', by: row => row.name, show: row => <a href={href('search', { type: 'dependency', failed: 1, text: terms({ name: row.name, target: row.target, resultCode: row.resultCode, cloud_RoleName: row.role }), row: row.example })}><b>{row.name || row.target || '(no name)'}</b><small>{[row.target, row.role && `from ${row.role}`].filter(Boolean).join(', ')}</small></a> },
        { name: 'Result', by: row => row.resultCode, show: row => row.resultCode || '(none)' },
        { name: 'Count', number: true, by: row => row.count, show: row => count(row.count) },
        ...reach<FailedCall>(false)
      ]}
    />
  )
}

function Codes ({ codes }: { codes: CodeSum[] }) {
  return (
    <Table<CodeSum>
      label='Result codes' rows={codes} first='Count' keyOf={row => row.type + row.resultCode}
      columns={[
        { name: 'Code', by: row => row.resultCode, show: row => <a href={href('search', { type: row.type, failed: 1, text: row.resultCode === '' ? undefined : terms({ resultCode: row.resultCode }), row: row.example })}><b class={CLASSES[row.class].color}>{row.resultCode || '(none)'}</b><small>{CLASSES[row.class].name}</small></a> },
        { name: 'Of', by: row => row.type, show: row => kindName(row.type as RowType).toLowerCase() },
        { name: 'Count', number: true, by: row => row.count, show: row => count(row.count) },
        ...reach<CodeSum>(codes.some(({ users }) => users > 0))
      ]}
    />
  )
}
