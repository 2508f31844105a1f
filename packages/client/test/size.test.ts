import { gzipSync } from 'node:zlib'
import { build } from 'esbuild'
import t from 'tap'

/** Maximum size of each entry (bytes, minified and gzipped). It imports nothing else. */
const limits = { index: 9_000, legacy: 6_500, node: 300 }

t.test('each entry is small', async (t) => {
  for (const [entry, limit] of Object.entries(limits)) {
    const { outputFiles } = await build({
      entryPoints: [`packages/client/src/${entry}.ts`],
      bundle: true,
      minify: true,
      format: 'esm',
      external: ['node:*'],
      write: false,
    })
    const size = gzipSync(outputFiles[0]?.contents ?? '').length
    t.comment(`${entry}: ${size} bytes`)
    t.ok(size > 0 && size < limit, `${entry} has ${size} bytes`)
  }
})
