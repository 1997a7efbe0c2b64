import { build } from 'esbuild'

await build({
  entryPoints: {
    server: 'server.js',
    // A second bundle next to the app's, under the name that the plugin looks for.
    'app-insights-worker': 'fastify-app-insights/worker'
  },
  outdir: 'dist',
  bundle: true,
  platform: 'node',
  target: 'node20'
})
