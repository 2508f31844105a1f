import { execFileSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

// Prints the software bill of materials of what runs in production, from the lockfile, as CycloneDX: npm run --silent sbom
//
// `npm sbom --omit dev` also leaves out every package that a development dependency uses beside the service, pg among them.
// So npm is given a lockfile in which only the packages of `npm ci --omit=dev --omit=optional` are left.

/** @param {string} name @returns {any} */
const read = (name) => JSON.parse(readFileSync(join(import.meta.dirname, '..', name), 'utf8'))

const { devDependencies: _, ...manifest } = read('package.json')
const lock = read('package-lock.json')
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
