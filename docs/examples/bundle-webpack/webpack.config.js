'use strict'

module.exports = {
  mode: 'production',
  target: 'node20',
  entry: {
    server: './server.js',
    // A second bundle next to the app's, under the name that the plugin looks for.
    'app-insights-worker': 'fastify-app-insights/worker'
  },
  // Keeps names in stacks readable, in Azure too. It also works minified.
  optimization: { minimize: false },
  output: { filename: '[name].js' }
}
