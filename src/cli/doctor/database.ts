import { requireSameDatabase, usingConnection } from '../../database/identity.js'
import { inspectMigrations } from '../../database/migrations.js'
import { isOwnSession, isPoolerRefusal } from '../../database/pooler.js'
import { prepareSession } from '../../database/session.js'
import { type CheckContext, type Finding, finding } from './finding.js'

/** `server_version_num` of the oldest PostgreSQL that is supported. */
const oldestPostgres = 150_000
/** Maximum difference from the server's clock (milliseconds): tokens are valid from the moment they are issued. */
const maxClockDifferenceMs = 2_000

/** Checks the database server. */
export async function checkServer({ config, database }: CheckContext): Promise<Finding[]> {
  const before = Date.now()
  const [server] = await database.$queryRaw<
    { version: string; number: number; writable: boolean; places: number; time: number; zone: string }[]
  >`
    SELECT current_setting('server_version') AS version, current_setting('server_version_num')::int AS number,
      NOT pg_is_in_recovery() AND current_setting('transaction_read_only') = 'off' AS writable,
      current_setting('max_connections')::int - current_setting('superuser_reserved_connections')::int AS places,
      (extract(epoch FROM clock_timestamp()) * 1000)::float8 AS time, current_setting('TimeZone') AS zone`
  const { version, number, writable, places, time, zone } = server as NonNullable<typeof server>
  const difference = Math.round(Math.abs(time - (before + Date.now()) / 2))
  const size = config.databasePoolSize
  return [
    finding('PostgreSQL', number >= oldestPostgres, {
      ok: `version ${version}`,
      fail: `version ${version}: 15 or later is required`,
    }),
    finding('writes', writable, {
      ok: 'accepted',
      fail: 'rejected: the server is a standby or read-only',
    }),
    finding('connections', size < places, {
      ok: `at most ${size} per process, of ${places} that the server accepts`,
      fail: `DATABASE_POOL_SIZE is ${size}, but the server accepts ${places} connections in total`,
    }),
    finding('time zone', zone === 'UTC', {
      ok: 'UTC',
      fail: `sessions use ${zone}: UTC is required`,
    }),
    finding('clock', difference <= maxClockDifferenceMs, {
      ok: 'agrees with the clock of the server',
      fail: `differs by ${difference} ms from the clock of the server: synchronize both with NTP`,
    }),
  ]
}

/** Checks sessions as the service opens them, which can lead through a pooler where those of commands do not. */
export async function checkSessions({ config, url }: CheckContext): Promise<Finding[]> {
  const session = { url: config.databaseUrl ?? url, isOwn: false }
  const hasDirectUrl = config.databaseDirectUrl !== undefined
  if (await leadsToPostgres(session.url))
    return [
      finding('sessions', !hasDirectUrl, {
        ok: "PostgreSQL's own",
        warn: "PostgreSQL's own, but DATABASE_DIRECT_URL disables their limits and prepared statements: unset it",
      }),
    ]
  return usingConnection(session, async (connection) => {
    await prepareSession(connection, session)
    const { rows } = await connection.query<{ statement_timeout: string }>('SHOW statement_timeout')
    return [
      finding('sessions', hasDirectUrl, {
        ok: "a pooler's, and DATABASE_DIRECT_URL is set",
        fail: "a pooler's: set DATABASE_DIRECT_URL to PostgreSQL itself",
      }),
      finding('limits', rows[0]?.statement_timeout !== '0', {
        ok: 'set for the role',
        warn: 'not set, and not settable through a pooler: ALTER ROLE … SET statement_timeout, lock_timeout',
      }),
    ]
  })
}

/** Returns whether the connections of a URL are sessions of PostgreSQL's own. Some poolers refuse the settings of these. */
async function leadsToPostgres(url: string): Promise<boolean> {
  try {
    return await usingConnection({ url }, isOwnSession)
  } catch (error) {
    if (isPoolerRefusal(error as Error)) return false
    throw error
  }
}

/** Checks that DATABASE_DIRECT_URL leads to the database of DATABASE_URL. */
export async function checkDirectUrl({
  config: { databaseUrl, databaseDirectUrl },
}: CheckContext): Promise<Finding[]> {
  if (!databaseUrl || !databaseDirectUrl) return []
  await requireSameDatabase(databaseUrl, databaseDirectUrl)
  return [{ state: 'ok', check: 'direct URL', explanation: 'leads to the database of DATABASE_URL' }]
}

export async function checkReplica({ database }: CheckContext): Promise<Finding[]> {
  if (!database.replica) return []
  const problem = await database.replica.inspect()
  return [
    finding('replica', problem === null, {
      ok: 'a standby that keeps up',
      fail: `the server of DATABASE_REPLICA_URL ${problem}`,
    }),
  ]
}

export async function checkMigrations({ url }: CheckContext): Promise<Finding[]> {
  const { applied, pending } = await inspectMigrations(url)
  return [
    finding('migrations', pending.length === 0, {
      ok: `all ${applied.length} are applied`,
      fail: `${pending.length} are pending, so the service is not ready: run latchkey migrate, or start it`,
    }),
  ]
}
