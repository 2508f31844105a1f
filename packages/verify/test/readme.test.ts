import { readFileSync } from 'node:fs'
import t from 'tap'
import { readOptions } from '../src/verifier/options.js'

const readme = readFileSync('packages/verify/README.md', 'utf8')

/** Returns what stands in the first column of a table, below a heading. */
function firstColumn(heading: string): string[] {
  const [, section = ''] = readme.split(`\n## ${heading}\n`)
  const [table = ''] = section.split('\n## ')
  return [...table.matchAll(/^\| `(\w+)`(?:, `(\w+)`)? \|/gm)].flatMap(([, ...names]) =>
    names.filter(Boolean),
  )
}

t.test('every option is described', async (t) => {
  const { audiences, ...config } = readOptions({ issuer: 'https://latchkey.test', audience: 'a' })
  t.same(firstColumn('Options').sort(), ['audience', ...Object.keys(config)].sort())
})

t.test('every code of an error is described', async (t) => {
  const source = readFileSync('packages/verify/src/errors/verification-error.ts', 'utf8')
  const codes = [...source.matchAll(/^ {2}([a-z_]+): (?:invalid|unavailable|\{)/gm)].map(
    ([, code = '']) => code,
  )
  t.equal(codes.length, 17)
  for (const code of codes) t.ok(readme.includes(`\`${code}\``), code)
})
