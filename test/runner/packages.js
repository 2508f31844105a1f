import { isBuiltin } from 'node:module'
import { join } from 'node:path'
import { isCurrent, writeMark } from '../../scripts/lib/build-mark.js'
import { fingerprint, installFiles, listFiles } from '../../scripts/lib/files.js'
import { commonJsGlobals, compile, unbundledPackages } from '../../scripts/lib/sources.js'

/** Packages that only tests import, of so many files that loading them takes longer than loading a test. */
const bundledForTests = ['fast-check']
/** Distinguishes an entry of the bundles from an import of the same package. */
const prefix = 'entry:'

/**
 * Bundles the packages that the sources import, and installs them in a `node_modules` folder beside the compiled files, where
 * Node.js finds them first. Otherwise each test file opens a thousand files. Tests get the same instances as the sources.
 *
 * @param {string} folder where the bundles are installed
 * @param {import('../../scripts/lib/files.js').Files} compiled compiled files by path
 */
export async function bundlePackages(folder, compiled) {
  const specifiers = selectSpecifiers(compiled)
  const inputs = [
    process.version,
    fingerprint(['package-lock.json', 'scripts/lib/sources.js', 'test/runner/packages.js']),
    ...specifiers,
  ].join()
  if (isCurrent(folder, inputs)) return
  const bundles = await bundle(folder, specifiers)
  for (const [name, exports] of listExports(specifiers))
    bundles.set(join(name, 'package.json'), Buffer.from(JSON.stringify({ name, type: 'module', exports })))
  installFiles(folder, bundles)
  writeMark(folder, inputs, listFiles(folder))
}

/**
 * Returns what is imported of the packages to be bundled.
 *
 * @param {import('../../scripts/lib/files.js').Files} compiled
 */
function selectSpecifiers(compiled) {
  const imported = [...compiled].map(([path, content]) => ({ path, specifiers: listImports(content) }))
  const bundled = new Set([
    ...bundledForTests,
    ...imported
      .filter(({ path }) => !/(^|\/)test\//.test(path))
      .flatMap(({ specifiers }) => specifiers.map(packageOf)),
  ])
  const specifiers = new Set(imported.flatMap(({ specifiers }) => specifiers))
  return [...specifiers]
    .filter(
      (specifier) => bundled.has(packageOf(specifier)) && !unbundledPackages.includes(packageOf(specifier)),
    )
    .sort()
}

/**
 * Returns what a compiled file imports from packages.
 *
 * @param {Uint8Array} content
 */
function listImports(content) {
  const code = Buffer.from(content).toString()
  return [...code.matchAll(/^(?:import|export) (?:[^"'`;=]*? from )?"([^"]+)"|\bimport\("([^"]+)"\)/gm)]
    .map(([, statically, dynamically]) => statically ?? dynamically ?? '')
    .filter((specifier) => !/^[.#]/.test(specifier) && !isBuiltin(specifier))
}

/** @param {string} specifier */
function packageOf(specifier) {
  return specifier
    .split('/')
    .slice(0, specifier.startsWith('@') ? 2 : 1)
    .join('/')
}

/**
 * Returns the path of a bundle without its extension, relative to the folder of packages.
 *
 * @param {string} specifier
 */
function bundleOf(specifier) {
  return specifier === packageOf(specifier) ? join(specifier, 'index') : specifier.replace(/\.m?js$/, '')
}

/**
 * Bundles what is imported, each into a file of its own; what several of them contain goes into shared files, so that it
 * exists once.
 *
 * @param {string} folder
 * @param {string[]} specifiers
 * @returns {Promise<import('../../scripts/lib/files.js').Files>} the bundles by path, relative to the folder
 */
async function bundle(folder, specifiers) {
  const files = await compile([], {
    entryPoints: specifiers.map((specifier) => ({ in: `${prefix}${specifier}`, out: bundleOf(specifier) })),
    outdir: folder,
    chunkNames: '.shared/[hash]',
    bundle: true,
    splitting: true,
    // Without the condition `module`, which Node.js does not know: an entry exports the names that Node.js finds.
    conditions: [],
    minifySyntax: true,
    minifyWhitespace: true,
    lineLimit: 160,
    external: unbundledPackages,
    banner: { js: commonJsGlobals },
    plugins: [{ name: 'entries', setup: resolveEntries }],
  })
  return new Map([...files].map(([path, content]) => [path.slice(`${folder}/`.length), content]))
}

/**
 * Makes each entry export the names that Node.js finds: esbuild exports only the default of a CommonJS package.
 *
 * @param {import('esbuild').PluginBuild} build
 */
function resolveEntries({ onResolve, onLoad }) {
  const namespace = 'entries'
  onResolve({ filter: new RegExp(`^${prefix}`) }, ({ path }) => ({
    // As an ES module of Node.js, whose default import of a CommonJS package is all that the package exports.
    path: `${path.slice(prefix.length)}.mjs`,
    namespace,
  }))
  onLoad({ filter: /.*/, namespace }, async ({ path }) => {
    const specifier = path.slice(0, -'.mjs'.length)
    const names = Object.keys(await import(specifier)).filter((name) => /^[\w$]+$/.test(name))
    return { contents: `export { ${names} } from '${specifier}'`, resolveDir: process.cwd() }
  })
}

/**
 * Returns the `exports` of each package.
 *
 * @param {string[]} specifiers
 */
function listExports(specifiers) {
  /** @type {Map<string, Record<string, string>>} */
  const packages = new Map()
  for (const specifier of specifiers) {
    const name = packageOf(specifier)
    const exports = packages.get(name) ?? {}
    exports[`.${specifier.slice(name.length)}`] = `.${bundleOf(specifier).slice(name.length)}.js`
    packages.set(name, exports)
  }
  return packages
}
