/** lib → dist: the TypeScript compiler for the package, esbuild for the emulator's page. */
import { execFileSync } from 'node:child_process'
import { chmodSync, copyFileSync, rmSync } from 'node:fs'
import { createRequire } from 'node:module'
import { fileURLToPath } from 'node:url'
import { buildSync } from 'esbuild'

const root = fileURLToPath(new URL('.', import.meta.url))
const tsc = createRequire(import.meta.url).resolve('typescript/bin/tsc')

// On a terminal, so that nobody wonders what is going on; not where the output is read by a program.
const progress = text => { if (process.stderr.isTTY) process.stderr.write(`\r\u001b[K${text}`) }

progress('Building the package: this takes some 15 seconds, once …')
rmSync(new URL('dist', import.meta.url), { recursive: true, force: true })
execFileSync(process.execPath, [tsc, '-p', 'tsconfig.json'], { cwd: root, stdio: 'inherit' })
chmodSync(new URL('dist/command/index.js', import.meta.url), 0o755)

progress('Building the page of the emulator …')
execFileSync(process.execPath, [tsc, '-p', 'lib/emulator/page/tsconfig.json'], { cwd: root, stdio: 'inherit' })
buildSync({
  absWorkingDir: root,
  entryPoints: [{ in: 'lib/emulator/page/index.tsx', out: 'page' }, { in: 'lib/emulator/page/page.css', out: 'page' }],
  outdir: 'dist/emulator/page',
  bundle: true,
  minify: true,
  format: 'esm',
  target: 'es2022',
  jsx: 'automatic',
  jsxImportSource: 'preact',
  legalComments: 'none',
  tsconfigRaw: {}
})
for (const file of ['index.html', 'icon.svg']) copyFileSync(`${root}lib/emulator/page/${file}`, `${root}dist/emulator/page/${file}`)
progress('')
