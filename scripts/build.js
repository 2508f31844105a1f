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

// Builds dist/, which holds all that runs. On the way it makes what the sources import but git does not keep: the
// Prisma client, and the files of the documentation pages.

const require = createRequire(import.meta.url)
const assets = 'src/docs/assets'

generateClient()
copyAssets()
rmSync('dist', { recursive: true, force: true })
run('typescript/bin/tsc', ['--project', 'tsconfig.build.json'])
cpSync(assets, `dist/${assets}`, { recursive: true })
symlinkSync('src/cli', 'dist/cli', 'junction')
chmodSync('dist/src/cli/latchkey.js', 0o755)
cpSync('prisma/migrations', 'dist/prisma/migrations', { recursive: true })

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
