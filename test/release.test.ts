/** What the release workflow does to a checkout before packing it. */
import { spawnSync } from 'node:child_process'
import { cpSync, readFileSync, readdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t, { type Test } from 'tap'

const root = join(__dirname, '..')

function prepare (t: Test, version: string, tag: string): { status: number | null, stdout: string, stderr: string, read: (name: string) => string } {
  const folder = t.testdir({})
  for (const name of ['package.json', 'README.md']) cpSync(join(root, name), join(folder, name))
  const manifest = JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8')) as Record<string, unknown>
  writeFileSync(join(folder, 'package.json'), JSON.stringify({ ...manifest, version }))
  writeFileSync(join(folder, 'CHANGELOG.md'), '# Changelog\n\n## Unreleased\n\n- later\n\n## 1.2.3\n\n- first\n\n## 1.2.2\n\n- before\n')
  const { status, stdout, stderr } = spawnSync(process.execPath, [join(root, '.github/prepare-release.mjs'), 'some-owner/some-name', tag], { cwd: folder, encoding: 'utf8' })
  return { status, stdout, stderr, read: name => readFileSync(join(folder, name), 'utf8') }
}

t.test('a release names its repository, links to its own tag, and prints its part of the changelog', async t => {
  const { status, stdout, stderr, read } = prepare(t, '1.2.3', 'v1.2.3')
  t.equal(status, 0, stderr)
  t.equal(stdout, '- first\n')
  t.match(JSON.parse(read('package.json')), {
    repository: { url: 'git+https://github.com/some-owner/some-name.git' },
    homepage: 'https://github.com/some-owner/some-name#readme',
    bugs: { url: 'https://github.com/some-owner/some-name/issues' }
  })
  const readme = read('README.md')
  t.match(readme, '](https://github.com/some-owner/some-name/blob/v1.2.3/docs/README.md)')
  t.match(readme, '](https://github.com/some-owner/some-name/raw/v1.2.3/docs/images/operation.png)')
  t.notMatch(readme, /\]\((?!https:|#)/)
})

t.test("a tag that doesn't match the version, or has no changelog entry, stops the release", async t => {
  t.match(prepare(t, '1.2.3', 'v1.2.4').stderr, "doesn't match the version")
  t.match(prepare(t, '1.2.4', 'v1.2.4').stderr, 'CHANGELOG.md has nothing')
})

t.test('actions are pinned to commits', async t => {
  const folder = join(root, '.github/workflows')
  const uses = readdirSync(folder).flatMap(name => readFileSync(join(folder, name), 'utf8').match(/uses: .*/g) ?? [])
  t.not(uses.length, 0)
  for (const line of uses) t.match(line, /^uses: [\w./-]+@[0-9a-f]{40} # v\d+\.\d+\.\d+$/)
})
