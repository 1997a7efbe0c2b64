/**
 * Repository and tag -> a checkout that is ready for `npm pack`: package.json names the repository, the README's links
 * work on npm. Prints the tag's part of the changelog.
 *
 *   node .github/prepare-release.mjs owner/name v1.2.3
 */
import { readFileSync, writeFileSync } from 'node:fs'

const [repository, tag] = process.argv.slice(2)
if (!/^[\w.-]+\/[\w.-]+$/.test(repository ?? '') || !/^v\d/.test(tag ?? '')) {
  throw new Error('Usage: node .github/prepare-release.mjs owner/name v1.2.3')
}

const manifest = JSON.parse(readFileSync('package.json', 'utf8'))
if (tag !== `v${manifest.version}`) throw new Error(`The tag ${tag} doesn't match the version ${manifest.version} in package.json`)

const notes = notesOf(manifest.version)
if (notes === '') throw new Error(`CHANGELOG.md has nothing under "## ${manifest.version}"`)

const url = `https://github.com/${repository}`
manifest.repository = { type: 'git', url: `git+${url}.git` }
manifest.homepage = `${url}#readme`
manifest.bugs = { url: `${url}/issues` }
writeFileSync('package.json', `${JSON.stringify(manifest, null, 2)}\n`)
writeFileSync('README.md', withAbsoluteLinks(readFileSync('README.md', 'utf8')))
process.stdout.write(`${notes}\n`)

function notesOf (version) {
  const sections = readFileSync('CHANGELOG.md', 'utf8').split(/^## /m)
  const section = sections.find(text => text.split(/\s/, 1)[0] === version) ?? ''
  return section.slice(section.indexOf('\n') + 1).trim()
}

/** Pictures need the raw file; links lead to the page of the file at this tag. */
function withAbsoluteLinks (text) {
  return text.replace(/(!?)\[([^\]]*)\]\((?![a-z]+:|#)([^)]+)\)/g, (_, picture, label, path) =>
    `${picture}[${label}](${url}/${picture === '' ? 'blob' : 'raw'}/${tag}/${path})`)
}
