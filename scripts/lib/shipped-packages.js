import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { build } from 'esbuild'
import { prepareSources, unbundledPackages } from './sources.js'

// Most shipped packages are development dependencies that are bundled, and npm examines either all development dependencies or
// none. Therefore it is given a lockfile that contains only the shipped packages.

/** @typedef {{ version: string, dependencies?: Record<string, string>, dev?: boolean, optional?: boolean, peer?: boolean }} LockedPackage */

/** Packages whose files scripts/lib/sources.js copies for the documentation pages. */
const copied = ['node_modules/swagger-ui-dist', 'node_modules/redoc']

/**
 * Returns what a callback returns that is given a folder with the package.json and the lockfile of what is shipped.
 *
 * @template T
 * @param {(folder: string) => T} use
 * @returns {Promise<T>}
 */
export async function withShippedPackages(use) {
  const { name, version, description, license } = JSON.parse(readFileSync('package.json', 'utf8'))
  const lock = JSON.parse(readFileSync('package-lock.json', 'utf8'))
  const shipped = await selectShipped(lock.packages)
  const root = { name, version, description, license, dependencies: versionsOnTop(shipped) }
  const packages = Object.fromEntries(shipped.map(([path, entry]) => [path, withoutTools(entry, shipped)]))
  const temporary = mkdtempSync(join(tmpdir(), 'latchkey-shipped-'))
  try {
    // npm names the application after its folder.
    const folder = join(temporary, name)
    mkdirSync(folder)
    writeFileSync(join(folder, 'package.json'), JSON.stringify(root))
    writeFileSync(
      join(folder, 'package-lock.json'),
      JSON.stringify({ ...lock, packages: { '': root, ...packages } }),
    )
    return use(folder)
  } finally {
    rmSync(temporary, { recursive: true })
  }
}

/**
 * @param {Record<string, LockedPackage>} packages those of the lockfile, by their folders
 * @returns {Promise<[string, LockedPackage][]>}
 */
async function selectShipped({ '': _, ...locked }) {
  const included = new Set([...copied, ...(await listBundledPackages())])
  return Object.entries(locked).filter(([path, { dev, peer }]) => included.has(path) || !(dev || peer))
}

/** Returns the folders below node_modules of which the bundle contains a file. */
async function listBundledPackages() {
  await prepareSources()
  const { metafile } = await build({
    entryPoints: ['src/server.ts', 'src/cli/latchkey.ts'],
    outdir: 'dist',
    platform: 'node',
    format: 'esm',
    bundle: true,
    splitting: true,
    external: unbundledPackages,
    metafile: true,
    write: false,
    logLevel: 'error',
  })
  const inputs = Object.values(metafile.outputs).flatMap((output) => Object.keys(output.inputs))
  return inputs.flatMap((file) => /^.*node_modules\/(@[^/]+\/)?[^/]+/.exec(file)?.[0] ?? [])
}

/**
 * Returns the versions of the shipped packages in the top folder, by their names.
 *
 * @param {[string, LockedPackage][]} shipped
 */
function versionsOnTop(shipped) {
  const onTop = shipped.filter(([path]) => path.lastIndexOf('node_modules/') === 0)
  return Object.fromEntries(onTop.map(([path, { version }]) => [path.slice('node_modules/'.length), version]))
}

/**
 * Returns a package without the dependencies that are not shipped, which npm would report as missing. Any version of the
 * others will do, as package.json overrides some.
 *
 * @param {LockedPackage & { resolved?: string, integrity?: string, license?: string }} entry
 * @param {[string, LockedPackage][]} shipped
 */
function withoutTools({ version, resolved, integrity, license, dependencies = {} }, shipped) {
  const kept = Object.keys(dependencies).filter((name) =>
    shipped.some(([path]) => path.endsWith(`node_modules/${name}`)),
  )
  const anyVersion = Object.fromEntries(kept.map((name) => [name, '*']))
  return { version, resolved, integrity, license, dependencies: anyVersion }
}
