import { execFileSync } from 'node:child_process'
import { mkdirSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { chooseReachable, findAccount, giveTo } from '../../../src/database/embedded/account.js'

const ids = { uid: process.getuid?.() ?? 0, gid: process.getgid?.() ?? 0 }

t.test('a user other than root runs PostgreSQL under their own account', async (t) => {
  t.strictSame(await findAccount(t.testdir(), 1000), {})
})

t.test('root runs PostgreSQL as nobody, and later as the owner of the data', async (t) => {
  const home = t.testdir()
  const nobody = {
    uid: Number(execFileSync('id', ['-u', 'nobody'])),
    gid: Number(execFileSync('id', ['-g', 'nobody'])),
  }
  t.strictSame(await findAccount(home, 0), nobody)
  mkdirSync(join(home, 'cluster'))
  const { uid } = statSync(join(home, 'cluster'))
  t.strictSame(await findAccount(home, 0), uid === 0 ? nobody : ids, 'root never owns the data')
})

t.test('root runs PostgreSQL as the owner of existing data', { skip: notRoot() }, async (t) => {
  const home = t.testdir({ cluster: {} })
  await giveTo({ uid: 4321, gid: 1234 }, home)
  t.strictSame(await findAccount(home, 0), { uid: 4321, gid: 1234 })
})

t.test('a directory that the account can enter is chosen', async (t) => {
  const folder = t.testdir({ "it's a folder": {}, shared: {} })
  const directory = join(folder, "it's a folder")
  t.equal(await chooseReachable(directory, ids, join(folder, 'shared')), directory)
})

for (const missing of ['missing', 'file'])
  t.test(`a shared directory replaces a ${missing} directory`, async (t) => {
    const folder = t.testdir({ file: '' })
    const shared = join(folder, 'a/b')
    t.equal(await chooseReachable(join(folder, missing), ids, shared), shared)
    t.equal(statSync(shared).mode & 0o777, 0o755)
  })

t.test('nobody cannot enter a directory below a private one of root', { skip: notRoot() }, async (t) => {
  const folder = t.testdir({ closed: { inside: {} }, shared: {} })
  execFileSync('chmod', ['700', join(folder, 'closed')])
  const shared = join(folder, 'shared')
  t.equal(await chooseReachable(join(folder, 'closed/inside'), await findAccount(folder), shared), shared)
})

t.test('a directory is given to the account with its contents', async (t) => {
  const folder = t.testdir({ 'with a space': {} })
  const file = join(folder, 'with a space/file')
  writeFileSync(file, '')
  const given = notRoot() ? ids : { uid: 4321, gid: 1234 }
  await giveTo(given, folder)
  t.match(statSync(file), given)
  await giveTo({}, folder)
  t.match(statSync(file), given, 'an account without ids changes nothing')
})

function notRoot(): string | false {
  return process.getuid?.() === 0 ? false : 'only root can act as another user'
}
