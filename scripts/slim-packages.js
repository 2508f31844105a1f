import { existsSync, readdirSync, rmSync } from 'node:fs'
import { join } from 'node:path'

// Removes files of installed packages that nothing here loads, and that `overrides` in package.json cannot leave out. npm runs
// this script after an installation.

/** Folder with Prisma's compilers of queries: for five databases, each in two sizes. */
const compilers = 'node_modules/@prisma/client/runtime'
/** The beginning of their names, and of the one that the generator is configured for. */
const anyCompiler = 'query_compiler_'
const usedCompiler = 'query_compiler_small_bg.postgresql.'

/** Source maps of compiled packages, which nobody debugs here. */
const sourceMap = /\.(js|mjs|cjs|ts|mts|cts|css)\.map$/

/** Copies of packages for browsers and for `require`, which the plots of the benchmarks do not import. */
const otherBuilds = [
  'node_modules/@observablehq/plot/dist',
  'node_modules/d3/dist/d3.js',
  'node_modules/d3/dist/d3.min.js',
  'node_modules/linkedom/cjs',
  'node_modules/linkedom/worker.js',
]

/** Programs and other formats of a package of which only the types of dashboards are read. */
const unreadSchemas = ['cjs', 'esm', 'types/schema'].map(
  (folder) => `node_modules/@grafana/schema/dist/${folder}`,
)

if (existsSync(compilers))
  for (const file of readdirSync(compilers))
    if (file.startsWith(anyCompiler) && !file.startsWith(usedCompiler)) rmSync(join(compilers, file))

if (existsSync('node_modules'))
  for (const file of readdirSync('node_modules', { recursive: true, encoding: 'utf8' }))
    if (sourceMap.test(file)) rmSync(join('node_modules', file))

for (const path of [...otherBuilds, ...unreadSchemas]) rmSync(path, { recursive: true, force: true })
