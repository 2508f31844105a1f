import { readFileSync } from 'node:fs'
import { gzipSync } from 'node:zlib'
import { build } from 'esbuild'
import t from 'tap'

/** Maximum sizes (bytes, minified and gzipped), as the README states them. */
const limits = { own: 8_000, withJose: 13_000 }

/** Returns the size of what a bundler makes of the verifier. @param external packages that do not count */
async function measure(external: string[]): Promise<number> {
  const { outputFiles } = await build({
    entryPoints: ['packages/verify/src/index.ts'],
    bundle: true,
    minify: true,
    format: 'esm',
    target: 'es2023',
    external,
    write: false,
  })
  return gzipSync(outputFiles[0]?.contents ?? '', { level: 9 }).length
}

t.test('the package is as small as its README says', async (t) => {
  const own = await measure(['jose'])
  const withJose = await measure([])
  t.comment(`own code ${own} bytes, with jose ${withJose}`)
  const readme = readFileSync('packages/verify/README.md', 'utf8')
  for (const bytes of Object.values(limits)) t.ok(readme.includes(`less than ${bytes / 1_000} kB`))
  t.ok(own > 4_000 && own < limits.own)
  t.ok(withJose > own && withJose < limits.withJose)
})
