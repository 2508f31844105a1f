import { execFileSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { build } from 'esbuild'
import { prepareSources, unbundledPackages } from './lib/sources.js'

// Prints the software bill of materials (CycloneDX) of what is shipped: npm run --silent sbom
//
// Most shipped packages are development dependencies that are bundled, and `npm sbom` lists either all development
// dependencies or none. Therefore npm is given a lockfile that contains only the shipped packages.

/** @typedef {{ version: string, dependencies?: Record<string, string>, dev?: boolean, optional?: boolean, peer?: boolean }} LockedPackage */

const manifest = JSON.parse(readFileSync('package.json', 'utf8'))
const lock = JSON.parse(readFileSync('package-lock.json', 'utf8'))
/** @type {Record<string, LockedPackage>} */
const { '': _, ...locked } = lock.packages

/** Packages whose files scripts/lib/sources.js copies for the documentation pages. */
const copied = ['node_modules/swagger-ui-dist', 'node_modules/redoc']

await prepareSources()
const included = new Set([...copied, ...(await listBundledPackages())])
const shipped = Object.entries(locked).filter(([path, { dev, peer }]) => included.has(path) || !(dev || peer))
printBillOfMaterials()

/** Returns the folders below node_modules of which the bundle contains a file. */
async function listBundledPackages() {
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

function printBillOfMaterials() {
  const { name, version, description, license } = manifest
  const root = { name, version, description, license, dependencies: versionsOnTop() }
  const packages = Object.fromEntries(shipped.map(([path, entry]) => [path, withoutTools(entry)]))
  const folder = mkdtempSync(join(tmpdir(), 'latchkey-sbom-'))
  try {
    // npm names the application after its folder.
    const cwd = join(folder, name)
    mkdirSync(cwd)
    writeFileSync(join(cwd, 'package.json'), JSON.stringify(root))
    writeFileSync(
      join(cwd, 'package-lock.json'),
      JSON.stringify({ ...lock, packages: { '': root, ...packages } }),
    )
    const options = ['--package-lock-only', '--sbom-format=cyclonedx', '--sbom-type=application']
    execFileSync('npm', ['sbom', ...options], { cwd, stdio: 'inherit' })
  } finally {
    rmSync(folder, { recursive: true })
  }
}

/** Returns the versions of the shipped packages in the top folder, by their names. */
function versionsOnTop() {
  const onTop = shipped.filter(([path]) => path.lastIndexOf('node_modules/') === 0)
  return Object.fromEntries(onTop.map(([path, { version }]) => [path.slice('node_modules/'.length), version]))
}

/**
 * Returns a package without the dependencies that are not shipped, which npm would report as missing. Any version of the
 * others will do, as package.json overrides some.
 *
 * @param {LockedPackage & { resolved?: string, integrity?: string, license?: string }} entry
 */
function withoutTools({ version, resolved, integrity, license, dependencies = {} }) {
  const kept = Object.keys(dependencies).filter((name) =>
    shipped.some(([path]) => path.endsWith(`node_modules/${name}`)),
  )
  const anyVersion = Object.fromEntries(kept.map((name) => [name, '*']))
  return { version, resolved, integrity, license, dependencies: anyVersion }
}
