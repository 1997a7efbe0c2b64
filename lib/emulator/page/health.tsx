/** What Azure would not take as it was sent: cut, refused, sampled, or placed nowhere. */
import type { HealthSum } from '../sums'
import type { RefusedItem } from '../health'
import { clock, count, plural } from './format'
import { href } from './route'
import { useAnswer, type State } from './server'

const VERDICTS: Record<string, { title: string, text: string }> = {
  rejected: { title: 'Azure would refuse', text: 'The emulator shows these rows, Azure never will.' },
  truncated: { title: 'Azure would cut', text: 'The row arrives with shorter text.' },
  unjoined: { title: 'Not joined', text: 'The row arrives, but the views that connect rows pass it over.' },
  sampled: { title: 'Sampled', text: 'Each of these rows stands for several.' }
}

export function Health ({ state, paused }: { state: State | undefined, paused: boolean }) {
  const { answer, error } = useAnswer<State & { findings: HealthSum[], refused: RefusedItem[] }>('/api/health', state, paused)
  return (
    <main class='sums' id='main'>
      <header class='heading'><h2>Health</h2>{answer && <p>{plural(answer.size, 'row')} kept, {answer.dropped === 0 ? 'none' : count(answer.dropped)} evicted</p>}</header>
      {error && <p class='bad'>{error}</p>}
      {answer && answer.findings.length === 0 && answer.refused.length === 0 && <div class='empty'><h2>All is well</h2><p>Azure would take every row that is kept as it was sent.</p></div>}
      {answer && (
        <div class='cards'>
          {answer.refused.length > 0 && (
            <section class='card'>
              <h3>Refused by the endpoint</h3>
              <p class='soft'>These items were answered with an error, as Azure would.</p>
              <ul>{answer.refused.map((item, index) => <li key={index} class='refusal'><b class='bad'>{item.statusCode}</b> <bdi>{item.message}</bdi> <small>{clock(item.at)}</small></li>)}</ul>
            </section>
          )}
          {Object.entries(VERDICTS).map(([verdict, { title, text }]) => {
            const sums = answer.findings.filter(finding => finding.verdict === verdict)
            return sums.length > 0 && (
              <section class='card' key={verdict}>
                <h3>{title}</h3>
                <p class='soft'>{text}</p>
                <ul>
                  {sums.map(sum => (
                    <li key={sum.reason}>
                      <a href={href('search', { flag: `${sum.verdict}: ${sum.reason}`, row: sum.examples.at(-1) })}><b>{sum.reason}</b><span class='value'>{count(sum.count)}</span></a>
                    </li>
                  ))}
                </ul>
              </section>
            )
          })}
        </div>
      )}
    </main>
  )
}
