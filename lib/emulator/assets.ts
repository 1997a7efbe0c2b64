/** The built page → memory, with the policy that it is served with. */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'

export interface Asset {
  type: string
  body: Buffer
}

// Only our own files and nothing inline; trusted types make sure that text never becomes markup.
const POLICY = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; " +
  "base-uri 'none'; form-action 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'; trusted-types 'none'"

const FILES: Array<[path: string, file: string, type: string]> = [
  ['/', 'index.html', 'text/html; charset=utf-8'],
  ['/page.js', 'page.js', 'text/javascript; charset=utf-8'],
  ['/page.css', 'page.css', 'text/css; charset=utf-8'],
  ['/icon.svg', 'icon.svg', 'image/svg+xml']
]

export function loadPage () {
  const assets = new Map(FILES.map(([path, file, type]) => [path, { type, body: readFileSync(join(__dirname, 'page', file)) }]))
  return {
    policy: POLICY,
    asset: (path: string): Asset | undefined => assets.get(path)
  }
}
