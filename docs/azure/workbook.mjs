/**
 * queries/*.kql -> workbook.json, which main.bicep and the Terraform files deploy.
 *
 *   node docs/azure/workbook.mjs           # writes it
 *   node docs/azure/workbook.mjs --check   # exits 1 if it isn't up to date
 */
import { readFileSync, writeFileSync } from 'node:fs'

const query = name => readFileSync(new URL(`queries/${name}.kql`, import.meta.url), 'utf8').trim()

let names = 0
const item = (type, content, extra = {}) => ({ type, content, name: `item-${++names}`, ...extra })
const text = json => item(1, { json })
const chart = (title, name, visualization, width = '50') => item(3, {
  version: 'KqlItem/1.0',
  query: query(name),
  size: 0,
  title,
  timeContextFromParameter: 'Time',
  queryType: 0,
  resourceType: 'microsoft.insights/components',
  visualization
}, { customWidth: width })

const workbook = {
  version: 'Notebook/1.0',
  items: [
    text('# Fastify services\n\nRequests, failures, durations and calls of the services that report to this resource.'),
    item(9, {
      version: 'KqlParameterItem/1.0',
      parameters: [{
        id: '6f5d9b0e-8a53-4f0e-9d6a-2f3c7a1b9e01',
        version: 'KqlParameterItem/1.0',
        name: 'Time',
        type: 4,
        isRequired: true,
        value: { durationMs: 14400000 },
        typeSettings: { selectableValues: [3600000, 14400000, 86400000, 604800000].map(durationMs => ({ durationMs })), allowCustom: true }
      }],
      style: 'pills',
      queryType: 0,
      resourceType: 'microsoft.insights/components'
    }),
    chart('Requests', 'requests-over-time', 'timechart'),
    chart('Duration in milliseconds', 'duration-over-time', 'timechart'),
    chart('Slowest routes', 'slowest-routes', 'table'),
    chart('Failed routes', 'failed-routes', 'table'),
    chart('Exceptions', 'exceptions', 'table'),
    chart('Outgoing calls', 'dependencies', 'table'),
    chart('Warnings and errors in the log', 'warnings', 'table'),
    chart('Versions and deployments', 'versions', 'table')
  ],
  fallbackResourceIds: [],
  $schema: 'https://github.com/Microsoft/Application-Insights-Workbooks/blob/master/schema/workbook.json'
}

const file = new URL('workbook.json', import.meta.url)
const json = `${JSON.stringify(workbook, null, 2)}\n`
if (process.argv.includes('--check')) {
  if (readFileSync(file, 'utf8').replaceAll('\r\n', '\n') !== json) {
    console.error('docs/azure/workbook.json is not up to date: run node docs/azure/workbook.mjs')
    process.exitCode = 1
  }
} else {
  writeFileSync(file, json)
}
