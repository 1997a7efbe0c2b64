'use strict'

module.exports = {
  mode: 'production',
  target: 'node20',
  entry: {
    server: './server.js',
    // A second bundle, beside the app's and under the name that the plugin looks for.
    'app-insights-worker': 'fastify-app-insights/worker'
  },
  // Names in stacks stay readable, also in Azure; minified it works as well.
  optimization: { minimize: false },
  output: { filename: '[name].js' }
}
