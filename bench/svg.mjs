/** Numbers → plots, readable on light and on dark pages. */

const WIDTH = 840
const STYLE = `
text { font: 13px system-ui, -apple-system, "Segoe UI", sans-serif; fill: #1f2328 }
.title { font-size: 15px; font-weight: 600 } .note { font-size: 12px; fill: #59636e } .end { text-anchor: end } .middle { text-anchor: middle }
.page { fill: #fff; stroke: #d1d9e0 } .grid { stroke: #d1d9e0 } .spread { stroke: #1f2328 } .other { fill: #9aa4af } .ours { fill: #0969da } .second { fill: #54aeff }
.line { fill: none; stroke-width: 2; stroke: #9aa4af } .line.ours { stroke: #0969da; stroke-width: 3 } .line.second { stroke: #54aeff }
.shade-0 { opacity: 1 } .shade-1 { opacity: .7 } .shade-2 { opacity: .45 }
@media (prefers-color-scheme: dark) {
  text { fill: #f0f6fc } .note { fill: #9198a1 } .page { fill: #0d1117; stroke: #3d444d } .grid { stroke: #3d444d } .spread { stroke: #f0f6fc } .other { fill: #656c76 } .ours { fill: #4493f8 } .second { fill: #1f6feb }
  .line { stroke: #656c76 } .line.ours { stroke: #4493f8 } .line.second { stroke: #1f6feb }
}`

const escape = text => String(text).replace(/[&<>"]/g, character => ({ '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;' })[character])
const at = value => Number(value.toFixed(1))

function page (title, note, height, body) {
  return `<svg xmlns="http://www.w3.org/2000/svg" width="${WIDTH}" height="${height}" viewBox="0 0 ${WIDTH} ${height}" role="img" aria-label="${escape(title)}">
<title>${escape(title)}</title>
<style>${STYLE}</style>
<rect class="page" x=".5" y=".5" width="${WIDTH - 1}" height="${height - 1}" rx="6"/>
<text class="title" x="20" y="30">${escape(title)}</text>
<text class="note" x="20" y="50">${escape(note)}</text>
${body.join('\n')}
</svg>
`
}

function niceStep (max, steps) {
  const rough = max / steps
  const power = 10 ** Math.floor(Math.log10(rough))
  return [1, 2, 2.5, 5, 10].map(factor => factor * power).find(step => step >= rough)
}

/**
 * @param bars `{ label, kind: 'ours' | 'second' | 'other', values: [{ median, low, high, text }] }`, one value for each of `legend`
 */
export function bars ({ title, note, bars, legend, max, format = String }) {
  const left = 400
  const right = WIDTH - 110
  const thick = legend === undefined ? 18 : 12
  const top = legend === undefined ? 70 : 92
  const row = (legend?.length ?? 1) * thick + 14
  const most = max ?? Math.max(...bars.flatMap(bar => bar.values.map(value => value?.high ?? value?.median ?? 0)))
  const x = value => left + (right - left) * Math.min(value, most) / most
  const bottom = top + bars.length * row
  const step = niceStep(most, 4)
  const body = []
  for (let value = 0; value <= most * 1.0001; value += step) {
    body.push(`<line class="grid" x1="${at(x(value))}" x2="${at(x(value))}" y1="${top - 4}" y2="${bottom}"/><text class="note middle" x="${at(x(value))}" y="${bottom + 16}">${escape(format(value))}</text>`)
  }
  legend?.forEach((text, index) => body.push(`<rect class="ours shade-${index}" x="${left + index * 130}" y="64" width="12" height="12"/><text class="note" x="${left + 18 + index * 130}" y="75">${escape(text)}</text>`))
  bars.forEach((bar, index) => {
    const y = top + index * row
    body.push(`<text class="end" x="${left - 12}" y="${at(y + (row - 14) / 2 + 4.5)}">${escape(bar.label)}</text>`)
    bar.values.forEach((value, place) => {
      if (value === undefined || value === null) return
      const from = y + place * thick
      body.push(`<rect class="${bar.kind} shade-${place}" x="${left}" y="${from}" width="${at(Math.max(1, x(Math.max(0, value.median)) - left))}" height="${thick - 2}"/>`)
      let end = x(Math.max(0, value.median))
      if (value.low !== undefined && value.high > value.low) {
        const middle = at(from + thick / 2 - 1)
        body.push(`<line class="spread" x1="${at(x(Math.max(0, value.low)))}" x2="${at(x(value.high))}" y1="${middle}" y2="${middle}"/>`)
        end = Math.max(end, x(value.high))
      }
      body.push(`<text class="note" x="${at(end + 6)}" y="${at(from + thick / 2 + 3)}">${escape(value.text)}</text>`)
    })
  })
  return page(title, note, bottom + 30, body)
}

/** @param lines `{ label, kind, points: [[x, y]] }`, y between 0 and 1; @param shade from x to x, with a label */
export function lines ({ title, note, lines, shade, xLabel }) {
  const [left, right, top, bottom] = [60, WIDTH - 24, 70, 330]
  const xs = lines.flatMap(line => line.points.map(point => point[0]))
  const [from, to] = [Math.min(...xs), Math.max(...xs)]
  const x = value => left + (right - left) * (value - from) / (to - from)
  const y = value => bottom - (bottom - top) * Math.min(1, value)
  const body = []
  if (shade !== undefined) {
    body.push(`<rect class="other" opacity=".25" x="${at(x(shade.from))}" y="${top}" width="${at(x(shade.to) - x(shade.from))}" height="${bottom - top}"/><text class="note middle" x="${at((x(shade.from) + x(shade.to)) / 2)}" y="${top + 14}">${escape(shade.label)}</text>`)
  }
  for (const value of [0, 0.25, 0.5, 0.75, 1]) body.push(`<line class="grid" x1="${left}" x2="${right}" y1="${at(y(value))}" y2="${at(y(value))}"/><text class="note end" x="${left - 8}" y="${at(y(value) + 4)}">${value * 100} %</text>`)
  const step = niceStep(to - from, 8)
  for (let value = Math.ceil(from / step) * step; value <= to; value += step) body.push(`<text class="note middle" x="${at(x(value))}" y="${bottom + 18}">${value}</text>`)
  body.push(`<text class="note middle" x="${(left + right) / 2}" y="${bottom + 36}">${escape(xLabel)}</text>`)
  const dashes = ['', '8 3', '2 3', '10 3 2 3', '5 5', '1 4', '12 4']
  lines.forEach((line, index) => {
    const dash = line.kind === 'ours' ? '' : dashes[index % dashes.length]
    body.push(`<polyline class="line ${line.kind}"${dash === '' ? '' : ` stroke-dasharray="${dash}"`} points="${line.points.map(point => `${at(x(point[0]))},${at(y(point[1]))}`).join(' ')}"/>`)
    const row = bottom + 62 + index * 20
    body.push(`<line class="line ${line.kind}"${dash === '' ? '' : ` stroke-dasharray="${dash}"`} x1="${left}" x2="${left + 44}" y1="${row - 4}" y2="${row - 4}"/><text class="note" x="${left + 54}" y="${row}">${escape(line.label)}</text>`)
  })
  return page(title, note, bottom + 66 + lines.length * 20, body)
}
