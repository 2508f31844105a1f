import { execFile } from 'node:child_process'
import { chown, readFile, realpath, stat, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { promisify } from 'node:util'
import type { Test } from 'tap'
import { seed } from '../../prisma/seed.js'
import { openDatabase } from '../../src/database/client.js'
import { type EmbeddedPostgres, startEmbeddedPostgres } from '../../src/database/embedded/index.js'
import { migrate } from '../../src/database/migrations.js'
import { makeFolder } from '../database/folder.js'

const run = promisify(execFile)

/** A primary PostgreSQL server and its standby. */
export interface ReplicatedServers {
  primary: EmbeddedPostgres
  standby: EmbeddedPostgres
}

/** Starts both, migrated and seeded. The standby is a copy of the primary and streams from it. */
export async function startReplicatedServers(t: Test): Promise<ReplicatedServers> {
  const home = join(await makeFolder(t), 'postgres')
  const copy = join(await makeFolder(t), 'postgres')
  const first = await startEmbeddedPostgres(home)
  await migrate(first.url)
  const database = openDatabase({ databasePoolSize: 1, databaseTimeoutSeconds: 10 }, first.url)
  await seed(database)
  await database.$disconnect()
  await first.stop()
  await run('cp', ['-a', await realpath(home), copy])
  await writeFile(join(copy, 'cluster/standby.signal'), '')
  const { uid, gid } = await stat(join(copy, 'cluster/PG_VERSION'))
  await chown(join(copy, 'cluster/standby.signal'), uid, gid)

  const primary = await startEmbeddedPostgres(home)
  t.teardown(primary.stop)
  const { port, username } = new URL(primary.url)
  const password = await readFile(join(home, 'password'), 'utf8')
  const standby = await startEmbeddedPostgres(copy, [
    `primary_conninfo=host=127.0.0.1 port=${port} user=${username} password=${password}`,
  ])
  t.teardown(standby.stop)
  return { primary, standby }
}
