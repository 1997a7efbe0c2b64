import neostandard from 'neostandard'

export default [
  ...neostandard({ ts: true, ignores: ['dist/', '.tap/', 'coverage/', 'bench/node_modules/', 'docs/examples/*/node_modules/'] }),
  {
    files: ['**/*.ts', '**/*.tsx'],
    rules: {
      // A namespace of types is how `export =` carries its public types.
      '@typescript-eslint/no-namespace': 'off',
      '@typescript-eslint/no-explicit-any': 'error'
    }
  }
]
