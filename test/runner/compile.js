import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { exclusively } from '../../scripts/lib/exclusive.js'
import { installFiles, listFiles } from '../../scripts/lib/files.js'
import { cacheDirectory, compile, prepareSources } from '../../scripts/lib/sources.js'

/** Folder of the compiled sources and tests, in the same folders as the TypeScript, with the data files beside them. */
export const buildDirectory = 'build'

const compiledFolders = ['src', 'prisma', 'test']

/** Compiles all sources and tests, with source maps that lead back to them. */
export async function compileTests() {
  await prepareSources()
  const files = await compile(
    compiledFolders.map((folder) => `${folder}/**/*.ts`),
    { outdir: buildDirectory, sourcemap: 'inline', sourcesContent: false },
  )
  /** @type {import('../../scripts/lib/files.js').Files} */
  const built = new Map(
    [...files].map(([path, content]) => [path.slice(`${buildDirectory}/`.length), content]),
  )
  for (const folder of compiledFolders)
    for (const file of listFiles(folder)) {
      const path = join(folder, file)
      if (!/\.ts$/.test(path)) built.set(path, readFileSync(path))
    }
  await exclusively(join(cacheDirectory, 'tests.lock'), async () => installFiles(buildDirectory, built))
}

/** @param {string} source path of a TypeScript file */
export function compiledPath(source) {
  return join(buildDirectory, source.replace(/\.ts$/, '.js'))
}
