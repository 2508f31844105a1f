import { execFileSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

// Prints the software bill of materials (CycloneDX) of the production packages in the lockfile: npm run --silent sbom
//
// `npm sbom --omit dev` also omits every package that a development dependency depends on as well, such as pg.
// Therefore npm gets a lockfile that contains only the packages of `npm ci --omit=dev --omit=optional`.

/** @typedef {{ dev?: boolean, optional?: boolean, devOptional?: boolean }} LockedPackage */

const { devDependencies: _, ...manifest } = read('package.json')
const lock = read('package-lock.json')
/** @type {Record<string, LockedPackage>} */
const { '': root, ...installed } = lock.packages
const inProduction = Object.entries(installed).filter(
  ([, { dev, optional, devOptional }]) => !(dev || optional || devOptional),
)
const packages = { '': { ...root, devDependencies: {} }, ...Object.fromEntries(inProduction) }

const folder = mkdtempSync(join(tmpdir(), 'latchkey-sbom-'))
try {
  // npm names the application after its folder.
  const cwd = join(folder, manifest.name)
  mkdirSync(cwd)
  writeFileSync(join(cwd, 'package.json'), JSON.stringify(manifest))
  writeFileSync(join(cwd, 'package-lock.json'), JSON.stringify({ ...lock, packages }))
  const options = ['--package-lock-only', '--sbom-format=cyclonedx', '--sbom-type=application']
  execFileSync('npm', ['sbom', ...options], { cwd, stdio: 'inherit' })
} finally {
  rmSync(folder, { recursive: true })
}

/** @param {string} name of a file of the repository */
function read(name) {
  return JSON.parse(readFileSync(join(import.meta.dirname, '..', name), 'utf8'))
}
