import { chmodSync, rmSync, symlinkSync } from 'node:fs'
import { join } from 'node:path'
import { isCurrent, readMark, removeMark, writeMark } from './lib/build-mark.js'
import { exclusively } from './lib/exclusive.js'
import { fingerprint, installFiles, listFiles, readFiles } from './lib/files.js'
import { retire } from './lib/retire.js'
import {
  assetsDirectory,
  cacheDirectory,
  commonJsGlobals,
  compile,
  prepareSources,
  unbundledPackages,
} from './lib/sources.js'

// Builds dist/, which contains everything that runs, unless it is up to date. A service that runs from dist/ meanwhile is
// not disturbed: see installFiles and retire. With --clean, nothing of an earlier build stays.

const target = 'dist'
const clean = process.argv.includes('--clean')

/**
 * ES modules of OpenTelemetry's packages, which esbuild would not prefer. What is not used of them is left out, so that the SDK has
 * 84 KB instead of 475.
 */
const telemetryModules = Object.fromEntries(
  ['api-logs', 'core', 'otlp-transformer', 'resources', 'sdk-logs', 'sdk-metrics', 'sdk-trace']
    .map((name) => `@opentelemetry/${name}`)
    .map((name) => [name, `${name}/build/esm/index.js`]),
)

setTimeout(() => process.stderr.write('Building Latchkey …\n'), 1_000).unref()

try {
  await exclusively(join(cacheDirectory, 'build.lock'), buildUnlessCurrent)
} catch (error) {
  process.stderr.write(`build: ${/** @type {Error} */ (error).message}\n`)
  process.exitCode = 1
}

async function buildUnlessCurrent() {
  await prepareSources()
  const inputs = fingerprint([
    ...['src', 'prisma', 'scripts'].flatMap((folder) => listFiles(folder).map((file) => join(folder, file))),
    'package-lock.json',
  ])
  if (clean) rmSync(target, { recursive: true, force: true })
  if (isCurrent(target, inputs)) return
  const files = new Map([
    ...(await compile(['src/**/*.ts', 'prisma/seed.ts'])),
    ...(await bundlePrograms()),
    ...readFiles(assetsDirectory, assetsDirectory),
    ...readFiles('prisma/migrations', 'prisma/migrations'),
  ])
  const lastFiles = readMark(target)?.files
  removeMark(target)
  installFiles(target, files, (file) =>
    retire(join(target, file), lastFiles?.includes(file) ?? true, new Date()),
  )
  chmodSync(join(target, 'src/cli/latchkey.js'), 0o755)
  linkCommand()
  writeMark(target, inputs, [...files.keys()])
}

/**
 * Bundles the service, the command line and their packages into a few files. Otherwise Node.js opens hundreds of files,
 * which takes half of the time to start, and the packages take 100 MB on disk. Packages that look for their own files stay
 * outside. Removing white space saves 8 MB of memory; names are kept, and lines are short, so that stack traces can be
 * read.
 */
function bundlePrograms() {
  return compile(['src/server.ts', 'src/cli/latchkey.ts'], {
    bundle: true,
    splitting: true,
    alias: telemetryModules,
    // Beside server.js, because files.ts finds its folders relative to its own.
    chunkNames: 'src/chunk-[hash]',
    minifySyntax: true,
    minifyWhitespace: true,
    lineLimit: 160,
    external: unbundledPackages,
    banner: { js: commonJsGlobals },
  })
}

function linkCommand() {
  try {
    symlinkSync('src/cli', join(target, 'cli'), 'junction')
  } catch (error) {
    if (/** @type {NodeJS.ErrnoException} */ (error).code !== 'EEXIST') throw error
  }
}
