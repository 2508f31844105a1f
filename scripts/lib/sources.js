import { execFileSync } from 'node:child_process'
import { readFileSync, rmSync, writeFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { join } from 'node:path'
import { build } from 'esbuild'
import { exclusively } from './exclusive.js'
import { fingerprint, installFiles } from './files.js'

// Makes what the sources import but git does not keep, and compiles them.

const require = createRequire(import.meta.url)
const generatedClient = 'src/database/generated'
export const assetsDirectory = 'src/docs/assets'
/** Holds locks and caches; `npm ci` empties it. */
export const cacheDirectory = 'node_modules/.cache/latchkey'

/** Generates the Prisma client and the files of the documentation pages, as far as their inputs have changed. */
export function prepareSources() {
  return exclusively(join(cacheDirectory, 'sources.lock'), async () => {
    generateClient()
    installFiles(assetsDirectory, documentationAssets())
  })
}

/**
 * Compiles TypeScript files one by one.
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

function generateClient() {
  const inputs = fingerprint(['prisma/schema.prisma', 'prisma.config.ts', 'package-lock.json'])
  const mark = join(generatedClient, '.generated-from')
  if (read(mark) === inputs) return
  rmSync(generatedClient, { recursive: true, force: true })
  // Generating needs no schema engine, and nothing may be downloaded for it: any path will do.
  run('prisma/build/index.js', ['generate', '--no-hints'], { PRISMA_SCHEMA_ENGINE_BINARY: process.execPath })
  writeFileSync(mark, inputs)
}

/** @returns {import('./files.js').Files} */
function documentationAssets() {
  /** @type {import('./files.js').Files} */
  const assets = new Map()
  for (const file of ['swagger-ui-bundle.js', 'swagger-ui.css', 'oauth2-redirect.js', 'favicon-32x32.png'])
    assets.set(file, readFileSync(require.resolve(`swagger-ui-dist/${file}`)))
  // ReDoc shows its maker's logo from its maker's host. Our pages load nothing from elsewhere.
  const redoc = readFileSync(require.resolve('redoc/bundles/redoc.standalone.js'), 'utf8')
  const logo = 'https://cdn.redoc.ly/redoc/logo-mini.svg'
  return assets.set('redoc.standalone.js', Buffer.from(redoc.replaceAll(logo, 'data:,')))
}

/** @param {string} file */
function read(file) {
  try {
    return readFileSync(file, 'utf8')
  } catch {
    return null
  }
}

/**
 * @param {string} program a script of an installed package
 * @param {string[]} args
 * @param {Record<string, string>} env
 */
function run(program, args, env) {
  try {
    execFileSync(process.execPath, [require.resolve(program), ...args], {
      env: { ...process.env, ...env },
      stdio: 'pipe',
      encoding: 'utf8',
    })
  } catch (error) {
    const { stdout, stderr } = /** @type {{ stdout: string, stderr: string }} */ (error)
    throw new Error(`${program} failed\n${stdout}${stderr}`)
  }
}
