import neostandard from 'neostandard'

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
  }
]
