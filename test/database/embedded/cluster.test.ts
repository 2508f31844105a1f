import {
  copyFileSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  realpathSync,
  symlinkSync,
  watch,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { findAccount } from '../../../src/database/embedded/account.js'
import { findInstallation } from '../../../src/database/embedded/binaries.js'
import { ensureCluster, readPassword } from '../../../src/database/embedded/cluster.js'
import { OperatorError } from '../../../src/lifecycle/operator-error.js'
import { makeFolder } from '../folder.js'

const { folder: installation } = await findInstallation()
const binaries = join(installation, 'bin')

t.test('a cluster is created once, with a password that only its owner can read', async (t) => {
  const folder = await makeFolder(t)
  const home = join(folder, 'postgres')
  const account = await findAccount(home)
  const cluster = await ensureCluster(home, folder, binaries, account)
  t.equal(cluster, join(realpathSync(folder), 'postgres/cluster'))
  t.strictSame(readdirSync(folder), ['postgres'])
  t.equal(lstatSync(join(home, 'password')).mode & 0o777, 0o600)
  const password = await readPassword(home)
  t.match(password, /^[\w-]{32}$/)
  t.equal(await ensureCluster(home, folder, '/nowhere', account), cluster)
  t.equal(await readPassword(home), password)
})

t.test('a cluster that cannot be beside its home is linked, and a stale link replaced', async (t) => {
  const folder = await makeFolder(t)
  const home = join(folder, 'postgres')
  const elsewhere = await makeFolder(t)
  symlinkSync(join(folder, 'gone'), home)
  const cluster = await ensureCluster(home, elsewhere, binaries, await findAccount(home))
  t.ok(lstatSync(home).isSymbolicLink())
  t.equal(cluster, join(realpathSync(home), 'cluster'))
  t.equal(join(cluster, '../..'), realpathSync(elsewhere))
})

t.test('two first starts at the same time get the same cluster, beside their home or linked', async (t) => {
  for (const elsewhere of [false, true]) {
    const folder = await makeFolder(t)
    const place = elsewhere ? await makeFolder(t) : folder
    const home = join(folder, 'postgres')
    const account = await findAccount(home)
    const create = () => ensureCluster(home, place, binaries, account)
    const [cluster, other] = await Promise.all([create(), create()])
    t.equal(cluster, join(realpathSync(home), 'cluster'))
    t.equal(other, cluster)
    t.strictSame(readdirSync(folder), ['postgres'])
    t.equal(readdirSync(place).length, 1)
    t.strictSame(readdirSync(home).sort(), ['cluster', 'password'])
  }
})

t.test(
  'leftovers of a start that was killed are removed, while a cluster is created and later',
  async (t) => {
    const folder = await makeFolder(t)
    const home = join(folder, 'postgres')
    const account = await findAccount(home)
    mkdirSync(join(folder, 'postgres-backup'))
    for (const name of ['postgres-killed', 'copy-killed']) {
      mkdirSync(join(folder, name, 'cluster'), { recursive: true })
      writeFileSync(join(folder, name, '.unfinished'), `${process.pid} earlier`)
      await ensureCluster(home, folder, binaries, account)
      t.strictSame(readdirSync(folder).sort(), ['postgres', 'postgres-backup'])
    }
  },
)

t.test('a process that ends while it creates a cluster leaves nothing behind', async (t) => {
  const folder = await makeFolder(t)
  const home = join(folder, 'postgres')
  const isOther = new Set(process.listeners('exit'))
  const creation = ensureCluster(home, folder, binaries, await findAccount(home)).catch(
    (error: Error) => error,
  )
  const watcher = watch(folder, { recursive: true })
  const listener = await new Promise<NodeJS.ExitListener>((resolve) => {
    watcher.on('change', () => {
      const [added] = process.listeners('exit').filter((one) => !isOther.has(one))
      if (added) resolve(added)
    })
  })
  watcher.close()
  listener(0)
  t.strictSame(readdirSync(folder), [])
  t.match(await creation, { message: /^the embedded PostgreSQL could not be set up: / })
  t.notOk(process.listeners('exit').includes(listener))
})

t.test('a failing initdb is reported in one line, and nothing is left behind', async (t) => {
  const folder = await makeFolder(t)
  mkdirSync(join(folder, 'bin'))
  copyFileSync(join(binaries, 'initdb'), join(folder, 'bin/initdb'))
  symlinkSync(join(installation, 'lib'), join(folder, 'lib'))
  const home = join(await makeFolder(t), 'postgres')
  const attempt = ensureCluster(home, join(home, '..'), join(folder, 'bin'), await findAccount(home))
  const error = await attempt.catch((error: Error) => error)
  t.type(error, OperatorError)
  t.match(error, { message: /^the embedded PostgreSQL could not be set up: program "postgres" is needed.*$/ })
  t.strictSame(readdirSync(join(home, '..')), [])
})

t.test('a missing initdb is reported in one line', async (t) => {
  const folder = await makeFolder(t)
  const home = join(folder, 'postgres')
  await t.rejects(ensureCluster(home, folder, '/nowhere', await findAccount(home)), {
    message: /^the embedded PostgreSQL could not be set up: .*\/nowhere\/initdb.*$/,
  })
  t.strictSame(readdirSync(folder), [])
})
