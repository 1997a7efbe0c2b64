/** What the docs say of options and error codes is what the code has. */
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import ts from 'typescript'

const root = join(__dirname, '..')

/** Replaces the marked part of a document where UPDATE_DOCS=1, and checks that it is `expected`. */
function checkMarked (t: Test, name: string, mark: string, expected: string): void {
  const file = join(root, 'docs', name)
  const marked = new RegExp(`(<!-- ${mark} -->\n)[^]*?(\n<!-- /${mark} -->)`)
  const read = (): string => readFileSync(file, 'utf8').replaceAll('\r\n', '\n')
  if (process.env.UPDATE_DOCS === '1') writeFileSync(file, read().replace(marked, (_, before: string, after: string) => before + expected + after))
  t.equal(marked.exec(read())?.[0], `<!-- ${mark} -->\n${expected}\n<!-- /${mark} -->`, 'UPDATE_DOCS=1 npx tap test/docs.test.ts brings it up to date')
}

const cell = (text: string): string => text.replaceAll(/\s+/g, ' ').replaceAll('|', '\\|').trim()

/** The options of one interface of lib/options.ts, as rows. */
function optionRows (source: ts.SourceFile, name: string, prefix: string): string[] {
  const declaration = source.statements.find((node): node is ts.InterfaceDeclaration => ts.isInterfaceDeclaration(node) && node.name.text === name)!
  return declaration.members.filter(ts.isPropertySignature).map(member => {
    const option = (member.name as ts.Identifier).text
    const [doc] = ts.getJSDocCommentsAndTags(member).filter(ts.isJSDoc)
    if (doc === undefined) throw new Error(`${prefix}${option} has no docstring`)
    const tag = doc.tags?.find(({ tagName }) => tagName.text === 'default')
    const text = (comment: string | ts.NodeArray<ts.JSDocComment> | undefined): string => ts.getTextOfJSDocComment(comment) ?? ''
    return `| \`${prefix}${option}\` | \`${cell(member.type!.getText(source)).replaceAll('\\|', '\\|')}\` | ${cell(text(tag?.comment))} | ${cell(text(doc.comment))} |`
  })
}

t.test('docs/options.md has every option of the types, with its default and meaning', async t => {
  const file = join(root, 'lib/options.ts')
  const source = ts.createSourceFile(file, readFileSync(file, 'utf8').replaceAll('\r\n', '\n'), ts.ScriptTarget.ES2022, true)
  const head = ['| option | type | default | |', '|---|---|---|---|']
  checkMarked(t, 'options.md', 'options', [...head, ...optionRows(source, 'AppInsightsOptions', '')].join('\n'))
  for (const [name, prefix] of [['RequestOptions', 'requests.'], ['LogOptions', 'logs.'], ['ExceptionOptions', 'exceptions.'], ['DependencyOptions', 'dependencies.'], ['MetricOptions', 'metrics.'], ['IgnoreOptions', 'ignore.']] as const) {
    checkMarked(t, 'options.md', prefix.slice(0, -1), [...head, ...optionRows(source, name, prefix)].join('\n'))
  }
})

t.test('every error code is in docs/errors.md, and the other way round', async t => {
  const codes = (text: string): string[] => [...new Set(text.match(/FAI_(?:ERR|WARN)_[A-Z_]+/g))].sort()
  const inCode = codes(['errors.ts', 'plugin.ts'].map(name => readFileSync(join(root, 'lib', name), 'utf8')).join('\n'))
  t.same(codes(readFileSync(join(root, 'docs', 'errors.md'), 'utf8')), inCode)
})
