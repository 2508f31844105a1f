import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { brotliCompressSync, constants } from 'node:zlib'
import { commonJsGlobals, compile, unbundledPackages } from './lib/sources.js'

// Records the built service for the tests of rolling deployments, which run the release before on the schema of the next one. A
// clone has neither the packages of a former release nor, if it is shallow, its sources, so the bundle is committed. It is
// not part of the package or the image. Argument: the folder that gets the record, and loses the others.

const folder = process.argv[2] ?? 'test/releases'
const { version } = JSON.parse(readFileSync('package.json', 'utf8'))

const bundle = await compile(['dist/src/server.js'], {
  bundle: true,
  minify: true,
  legalComments: 'none',
  external: unbundledPackages,
  banner: { js: commonJsGlobals },
})
const [code = new Uint8Array()] = bundle.values()
const migrations = readdirSync('dist/prisma/migrations').filter((name) =>
  existsSync(join('dist/prisma/migrations', name, 'migration.sql')),
)
rmSync(folder, { recursive: true, force: true })
mkdirSync(join(folder, version), { recursive: true })
writeFileSync(
  join(folder, version, 'server.js.br'),
  brotliCompressSync(code, { params: { [constants.BROTLI_PARAM_LGWIN]: constants.BROTLI_MAX_WINDOW_BITS } }),
)
writeFileSync(join(folder, version, 'migrations.json'), `${JSON.stringify(migrations.sort(), null, 2)}\n`)
