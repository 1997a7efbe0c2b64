/**
 * lib → dist: the TypeScript compiler for everything, then esbuild for what a service in production loads: one file for
 * the plugin and one for its worker thread, because loading 150 files takes 30 to 50 ms longer. The other compiled files
 * of the plugin are for tests and benches; package.json leaves them out.
 */
import { execFileSync } from 'node:child_process'
import { chmodSync, copyFileSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
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

progress('Bundling the plugin and its worker …')
buildSync({
  absWorkingDir: root,
  entryPoints: [{ in: 'lib/plugin.ts', out: 'plugin' }, { in: 'lib/delivery/worker/app-insights-worker.ts', out: 'app-insights-worker' }],
  outdir: 'dist',
  allowOverwrite: true,
  bundle: true,
  packages: 'external',
  external: ['*/package.json'],
  platform: 'node',
  format: 'cjs',
  target: 'node20',
  sourcemap: true
})
// esbuild's helper takes inherited names for exports, and fails at what an app may have added to Object.prototype. The rest
// of the line, and with it the source map, stays.
for (const name of ['plugin', 'app-insights-worker']) {
  const file = `${root}dist/${name}.js`
  writeFileSync(file, readFileSync(file, 'utf8').replace('for (var name in all)', 'for (var name of Object.keys(all))'))
}

progress('Building the page of the emulator …')
execFileSync(process.execPath, [tsc, '-p', 'lib/emulator/page/tsconfig.json'], { cwd: root, stdio: 'inherit' })
const { metafile } = buildSync({
  absWorkingDir: root,
  entryPoints: [{ in: 'lib/emulator/page/index.tsx', out: 'page' }, { in: 'lib/emulator/page/page.css', out: 'page' }],
  outdir: 'dist/emulator/page',
  bundle: true,
  metafile: true,
  minify: true,
  format: 'esm',
  target: 'es2022',
  jsx: 'automatic',
  jsxImportSource: 'preact',
  legalComments: 'none',
  tsconfigRaw: {}
})
// Their licenses ask for it.
writeFileSync(`${root}dist/emulator/page/LICENSES.txt`, packagesOf(metafile).map(name => `${name}\n\n${readFileSync(`${root}node_modules/${name}/LICENSE`, 'utf8')}`).join('\n\n'))
for (const file of ['index.html', 'icon.svg']) copyFileSync(`${root}lib/emulator/page/${file}`, `${root}dist/emulator/page/${file}`)
progress('')

/** Whose code is in a bundle beside our own. */
function packagesOf ({ inputs }) {
  const names = Object.keys(inputs).map(path => /node_modules\/((?:@[^/]+\/)?[^/]+)/.exec(path)?.[1])
  return [...new Set(names)].filter(name => name !== undefined)
}
