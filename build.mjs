/** lib → dist: the TypeScript compiler for the package, esbuild for the emulator's page. */
import { execFileSync } from 'node:child_process'
import { rmSync, chmodSync } from 'node:fs'
import { createRequire } from 'node:module'
import { fileURLToPath } from 'node:url'

const root = fileURLToPath(new URL('.', import.meta.url))
const tsc = createRequire(import.meta.url).resolve('typescript/bin/tsc')

rmSync(new URL('dist', import.meta.url), { recursive: true, force: true })
execFileSync(process.execPath, [tsc, '-p', 'tsconfig.json'], { cwd: root, stdio: 'inherit' })
chmodSync(new URL('dist/command/index.js', import.meta.url), 0o755)
