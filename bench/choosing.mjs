/** The head of docs/compare.md: what speaks for each, from the cases that were measured and from what the packages say. */

const OTHERS = [['microsoft', '@microsoft/opentelemetry'], ['distro', '@azure/monitor-opentelemetry'], ['http-pino-fastify', '@fastify/otel'], ['applicationinsights', 'applicationinsights']]

/** What can't be seen in rows. In the order of OTHERS, ours first. */
const READ = [
  ['log lines of pino', 'yes', 'not by itself: bunyan, winston and console, off by default', 'not by itself: bunyan, winston and console, off by default', 'not by itself', 'not by itself: bunyan and winston, on by default'],
  ['`fetch()` as a dependency', 'yes', 'not by itself', 'not by itself', 'not by itself', 'not by itself'],
  ['sampling, if you say nothing', 'none', '5 traces a second', '5 traces a second', 'none', 'as @azure/monitor-opentelemetry, which it is built on'],
  ['Node.js', '20 and newer', '22 and newer', '22 and newer', 'as its SDK', '22 and newer'],
  ['frameworks', 'Fastify', 'any that runs on `http`', 'any that runs on `http`', 'Fastify', 'any that runs on `http`'],
  ['spans for hooks and handlers', 'no', 'no', 'no', 'yes', 'no'],
  ['agents and language models', 'no', 'LangChain, OpenAI Agents, A365', 'no', 'no', 'no'],
  ['OTLP as well', 'by `spanProcessors`', 'by an environment variable', 'by `spanProcessors`', 'by your own SDK', 'by options of the package it is built on']
]

export function choosing (results, table) {
  const said = (peer, name, pattern) => pattern.exec(results.cases[peer]?.[name] ?? '')?.[0]?.replaceAll('case-', '') ?? '–'
  const row = (title, name, pattern) => [title, ...['ours', ...OTHERS.map(([peer]) => peer)].map(peer => said(peer, name, pattern))]
  const version = name => results.versions[name] === undefined ? '' : ` ${results.versions[name]}`
  const heads = ['', 'fastify-app-insights', ...OTHERS.map(([, name]) => `${name}${version(name)}`)]
  return [
    '## Which one should I take?',
    `- **This plugin**, if your service is Fastify and its telemetry goes to Application Insights: names, log lines, errors and
  calls are right without a preload flag, and what can't be sent is stored, retried and counted.
- **\`@microsoft/opentelemetry\`**, Microsoft's newest, if you have several frameworks, agents or language models
  to trace, or another backend beside Azure by configuration alone.
- **\`@azure/monitor-opentelemetry\`**, if you have it and it does what you need: the same parts without those of agents.
- **\`@fastify/otel\` with an exporter of your choice**, if you want a span for each hook and handler, or have an
  OpenTelemetry SDK of your own to add it to. It works beside this plugin too.
- **\`applicationinsights\`**, if your code calls its classic API and you don't want to change it yet: see [migrating](migrating.md).`,
    'Measured: the rows that arrived, with `instrumentation-pino` and `instrumentation-undici` added to all of the others.',
    table(heads, [
      row('name of a request', 'case-log', /(?<=request “)[^”]*/),
      row('an error that is logged and thrown', 'case-logged-throw', /\d+ exceptions?/),
      row('a client that went away', 'case-abort', /\d{3} \w+(?=;|$)/),
      row('a secret in the query', 'case-query', /the secret is .*$/),
      row('as an ES module, without a flag', 'esm', /.*/),
      row('hosts beside ingestion', 'others', /.*/)
    ]).replaceAll('---:', '---'),
    'Read in the packages of these versions: their documentation, defaults and `engines`.',
    table(heads, READ).replaceAll('---:', '---'),
    `This plugin runs on the OpenTelemetry SDK 2.10 line (\`api\` ^1.9, \`api-logs\` ~0.221), because the exporter does. The exporter
is pinned to 1.0.0-beta.47: it has no stable release, a range would let npm choose an older preview, and its rows are fitted
to Azure's limits in a place that only this version is known to have. Its npm warning about Node.js 20 is expected; 20, 22, 24
and newer are tested. [Compatibility](compatibility.md) has the versions of instrumentations that fit.`
  ]
}
