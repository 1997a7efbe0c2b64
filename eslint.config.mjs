import { createNodeResolver, importX } from 'eslint-plugin-import-x'
import neostandard from 'neostandard'

/**
 * Which folders of lib a folder may import from: data flows one way, and so do imports. The files beside the folders wire
 * everything up, and may import from all of them.
 */
const FLOW = {
  rows: [],
  options: ['rows'],
  tracing: ['options', 'rows'],
  'live-metrics': ['options', 'rows', 'tracing'],
  delivery: ['live-metrics', 'options', 'rows', 'tracing'],
  logs: ['delivery', 'options', 'rows', 'tracing'],
  exceptions: ['logs', 'options', 'rows', 'tracing'],
  metrics: ['delivery', 'options', 'rows', 'tracing'],
  requests: ['exceptions', 'logs', 'metrics', 'options', 'rows', 'tracing'],
  dependencies: ['globals', 'metrics', 'options', 'requests', 'rows', 'tracing'],
  globals: ['logs', 'metrics', 'options', 'rows', 'tracing'],
  command: ['delivery', 'emulator', 'options', 'rows'],
  // Azure's side, written apart on purpose: a mistake of ours must not hide itself.
  emulator: []
}

const zones = Object.entries(FLOW).map(([folder, allowed]) => ({
  target: `./lib/${folder}`,
  from: Object.keys(FLOW).filter(other => other !== folder && !allowed.includes(other)).map(other => `./lib/${other}`),
  message: `lib/${folder} may import from ${allowed.join(', ') || 'no other folder'}: see FLOW in eslint.config.mjs.`
}))

export default [
  ...neostandard({ ts: true, ignores: ['test/fastify/node_modules/', 'dist/', '.tap/', 'coverage/', 'bench/node_modules/', 'docs/examples/*/node_modules/'] }),
  {
    // `void promise` says that nobody waits for it.
    rules: { 'no-void': ['error', { allowAsStatement: true }] }
  },
  {
    files: ['**/*.ts', '**/*.tsx'],
    rules: {
      // A namespace of types is how `export =` carries its public types.
      '@typescript-eslint/no-namespace': 'off',
      '@typescript-eslint/no-explicit-any': 'error'
    }
  },
  {
    files: ['lib/**/*.ts', 'lib/**/*.tsx'],
    plugins: { 'import-x': importX },
    settings: {
      'import-x/extensions': ['.ts', '.tsx'],
      'import-x/parsers': { '@typescript-eslint/parser': ['.ts', '.tsx'] },
      'import-x/resolver-next': [createNodeResolver({ extensions: ['.ts', '.tsx', '.js'] })]
    },
    rules: {
      'import-x/no-cycle': 'error',
      'import-x/no-restricted-paths': ['error', { zones }],
      'max-lines': ['error', { max: 260 }],
      'max-lines-per-function': ['error', { max: 60, skipBlankLines: true, skipComments: true }]
    }
  }
]
