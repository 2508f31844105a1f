import { readFileSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { exclusively } from '../../scripts/lib/exclusive.js'
import { installFiles, listFiles } from '../../scripts/lib/files.js'
import { cacheDirectory, compile, prepareSources } from '../../scripts/lib/sources.js'
import { workspaces } from '../../scripts/lib/workspaces.js'
import { bundlePackages } from './packages.js'

/** Folder of the compiled sources and tests, in the same folders as the TypeScript, with the data files beside them. */
export const buildDirectory = 'build'

/** Folder of the bundled packages, relative to the build folder. */
const packages = 'node_modules'

const compiledFolders = [
  'src',
  'prisma',
  'test',
  ...workspaces.flatMap((folder) => [`${folder}/src`, `${folder}/test`]),
]

/** Compiles all sources and tests, with source maps that lead back to them. */
export async function compileTests() {
  await prepareSources()
  const files = await compile(
    compiledFolders.map((folder) => `${folder}/**/*.ts`),
    { outdir: buildDirectory, sourcemap: 'inline', sourcesContent: false },
  )
  const compiled = new Map(
    [...files].map(([path, content]) => [path.slice(`${buildDirectory}/`.length), content]),
  )
  const built = new Map(compiled)
  for (const folder of compiledFolders)
    for (const file of listFiles(folder)) {
      const path = join(folder, file)
      if (!/\.ts$/.test(path)) built.set(path, readFileSync(path))
    }
  await exclusively(join(cacheDirectory, 'tests.lock'), async () => {
    await bundlePackages(join(buildDirectory, packages), compiled)
    installFiles(buildDirectory, built, (file) => {
      if (!file.startsWith(join(packages, '/'))) rmSync(join(buildDirectory, file))
    })
  })
}

/** @param {string} source path of a TypeScript file */
export function compiledPath(source) {
  return join(buildDirectory, source.replace(/\.ts$/, '.js'))
}
