import t from 'tap'
import { migrationNames } from '../../src/database/migration-history.js'
import { migrate } from '../../src/database/migrations.js'
import { query } from '../database/query.js'
import { newDatabase } from '../helpers/database.js'
import { startProgram } from '../helpers/service.js'
import { until } from '../helpers/wait.js'

t.test('a replica that is killed during a migration leaves nothing half done', async (t) => {
  const url = await newDatabase(t)
  const lock = migrationNames().length
  await query(url, 'CREATE SCHEMA gate')
  // A trigger suspends a migration whose transaction has already created tables.
  await query(
    url,
    `CREATE FUNCTION gate.wait() RETURNS event_trigger LANGUAGE plpgsql AS $$ BEGIN
       IF tg_tag = 'CREATE TABLE' AND to_regclass('public.events') IS NOT NULL THEN PERFORM pg_sleep(60); END IF;
     END $$`,
  )
  await query(url, 'CREATE EVENT TRIGGER gate ON ddl_command_end EXECUTE FUNCTION gate.wait()')
  const replica = startProgram(t, 'src/server.ts', { DATABASE_URL: url, PORT: '0' })
  await until(async () => {
    const found = await query(
      url,
      "SELECT FROM pg_stat_activity WHERE datname = current_database() AND wait_event = 'PgSleep'",
    )
    return found.length === 1
  })
  replica.process.kill('SIGKILL')
  await replica.ends()
  await query(url, 'DROP EVENT TRIGGER gate')
  await query(
    url,
    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() AND wait_event = 'PgSleep'",
  )
  const applied = await query(url, 'SELECT FROM _prisma_migrations')
  t.ok(applied.length > 0 && applied.length < lock)
  t.same(await query(url, "SELECT to_regclass('public.events') AS there"), [{ there: null }])
  const both = await Promise.all([migrate(url), migrate(url)])
  t.equal(both.flat().length, lock - applied.length)
})
