import { buildSync } from 'esbuild'

buildSync({
  // The worker is a second bundle, beside the app's and under the name that the plugin looks for.
  entryPoints: {
    server: 'server.js',
    'app-insights-worker': 'fastify-app-insights/worker'
  },
  outdir: process.env.OUT ?? 'dist',
  bundle: true,
  platform: 'node',
  target: 'node20'
})
