import { readdirSync } from 'node:fs'
import { dirname } from 'node:path'
import t from 'tap'
import { query } from '../database/query.js'
import { backUp, contentOf, migratedDatabase, newFile, takeApart } from '../helpers/archives.js'
import { runCommand } from '../helpers/command.js'
import { cloneDatabase } from '../helpers/database.js'
import { startPooler } from '../helpers/pooler.js'
import { beginTransaction, until, untilWaiting } from '../helpers/replicas.js'

const migrationLock = 0x1a7c4e11
const lockAttempts =
  "SELECT FROM pg_stat_activity WHERE datname = current_database() AND query ~ '^SELECT pg_try_advisory_lock'"

t.test('an archive has the state of one moment', async (t) => {
  const url = await cloneDatabase(t)
  const file = newFile(t)
  const writer = await beginTransaction(t, url, 'LOCK TABLE users IN ACCESS EXCLUSIVE MODE')
  const backup = runCommand(url, ['backup', file])
  await untilWaiting(url)
  // The items were read already, and users are read last.
  await writer.query("UPDATE users SET full_name = 'Later'; DELETE FROM items; COMMIT")
  t.match(await backup, { status: 0 })
  const { rows } = takeApart(file)
  t.match(rows.items, /\tFoo\t/)
  t.notMatch(rows.users, /Later/)
})

t.test('a backup that a signal ends leaves no file', async (t) => {
  const url = await cloneDatabase(t)
  const file = newFile(t)
  const kill = t.capture(process, 'kill', () => true)
  const before = process.listeners('SIGTERM')
  const writer = await beginTransaction(t, url, 'LOCK TABLE users IN ACCESS EXCLUSIVE MODE')
  const backup = runCommand(url, ['backup', file])
  await untilWaiting(url)
  t.equal(readdirSync(dirname(file)).length, 1)
  process.listeners('SIGTERM').at(-1)?.('SIGTERM')
  t.strictSame(readdirSync(dirname(file)), [])
  t.match(kill(), [{ args: [process.pid, 'SIGTERM'] }])
  await writer.query('COMMIT')
  t.match(await backup, { status: 1 })
  t.strictSame(process.listeners('SIGTERM'), before)
})

t.test('a backup waits for a migration that runs', async (t) => {
  const url = await cloneDatabase(t)
  const migration = await beginTransaction(t, url, `SELECT pg_advisory_xact_lock(${migrationLock})`)
  const file = newFile(t)
  const backup = runCommand(url, ['backup', file])
  await until('the backup to wait', async () => (await query(url, lockAttempts)).length > 0)
  await migration.query("UPDATE users SET full_name = 'Migrated'; COMMIT")
  t.match(await backup, { status: 0 })
  t.match(takeApart(file).rows.users, /Migrated/)
})

t.test('of two restores into one database, the second finds that it is not empty', async (t) => {
  const url = await cloneDatabase(t)
  const file = await backUp(t, url)
  const restored = await migratedDatabase(t)
  const restores = await Promise.all(
    [1, 2].map(() => runCommand(restored, ['restore', file, '--keep-tokens'])),
  )
  t.strictSame(restores.map(({ status }) => status).sort(), [0, 1])
  t.match(restores.find(({ status }) => status === 1)?.stderr, /the database is not empty/)
  t.strictSame(await contentOf(restored), await contentOf(url))
})

t.test('a restore that loses its connection changes nothing', async (t) => {
  const file = await backUp(t, await cloneDatabase(t))
  const restored = await migratedDatabase(t)
  const before = await contentOf(restored)
  const reader = await beginTransaction(t, restored, 'LOCK TABLE users IN ACCESS SHARE MODE')
  const restore = runCommand(restored, ['restore', file])
  await untilWaiting(restored)
  await query(
    restored,
    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE query ~ '^LOCK TABLE \"' AND pid <> pg_backend_pid()",
  )
  t.match(await restore, { status: 1, stderr: /the database cannot be reached, or has ended the connection/ })
  await reader.query('COMMIT')
  t.strictSame(await contentOf(restored), before)
})

t.test('neither works through a pooler', async (t) => {
  const url = await cloneDatabase(t)
  const file = await backUp(t, url)
  const pooler = await startPooler(t, url)
  for (const args of [
    ['backup', newFile(t)],
    ['restore', file],
  ])
    t.match(await runCommand(pooler, args), { status: 1, stderr: /DATABASE_URL leads to a pooler/ })
})
