import type { FastifyInstance } from 'fastify'
import plugin from 'fastify-plugin'
import { runPeriodically } from '../lifecycle/periodic.js'
import type { Database } from './client.js'

/** Tables with a column `expires_at`, and their keys. */
const expiringTables = [
  ['token_families', 'id'],
  ['revoked_tokens', 'fingerprint'],
  ['one_time_tokens', 'fingerprint'],
  ['idempotency_keys', 'subject, key'],
  ['guess_counts', 'key'],
  ['known_networks', 'digest'],
  ['mail_budgets', 'key'],
  ['assertion_uses', 'digest'],
] as const

/** Maximum number of rows that one statement removes, so that it does not hold its locks for long. */
const batchRows = 1_000

/** Time between two runs (milliseconds). */
const intervalMs = 60_000

/** Retention of rows without an expiry of their own. */
interface Retention {
  /** Maximum age of audit events (seconds). */
  eventRetentionSeconds: number
}

/** Removes expired rows once a minute. */
export const retention = plugin(registerRetention, { name: 'retention', dependencies: ['database'] })

async function registerRetention(app: FastifyInstance, settings: Retention): Promise<void> {
  runPeriodically(app, 'removing expired rows', intervalMs, () =>
    app.outage.unless(() => removeExpired(app.database, settings)),
  )
}

/** Removes expired rows, and audit events older than `eventRetentionSeconds`, in batches. */
export async function removeExpired(
  database: Database,
  { eventRetentionSeconds }: Retention,
  batch = batchRows,
): Promise<void> {
  await repeatWhileFull(batch, () => removeRefreshTokens(database, batch))
  for (const [table, key] of expiringTables)
    await repeatWhileFull(batch, () => removeFrom(table, key, database, batch))
  await repeatWhileFull(batch, () => removeEvents(database, eventRetentionSeconds, batch))
}

/** Removes batches of rows until one is not full, which is the last. */
async function repeatWhileFull(batch: number, removeBatch: () => Promise<number>): Promise<void> {
  let removed: number
  do removed = await removeBatch()
  while (removed === batch)
}

/** Removes refresh tokens of expired families. It runs first, as removing a family removes all its tokens at once. */
function removeRefreshTokens(database: Database, batch: number): Promise<number> {
  return database.$executeRaw`
    DELETE FROM refresh_tokens WHERE fingerprint IN (
      SELECT fingerprint FROM refresh_tokens AS token JOIN token_families AS family ON family.id = family_id
      WHERE family.expires_at < now() LIMIT ${batch} FOR UPDATE OF token SKIP LOCKED
    )`
}

/** Removes expired rows of a table. Names cannot be parameters of a statement; these are the constants above. */
function removeFrom(table: string, key: string, database: Database, batch: number): Promise<number> {
  const expired = `SELECT ${key} FROM ${table} WHERE expires_at < now() LIMIT $1 FOR UPDATE SKIP LOCKED`
  return database.$executeRawUnsafe(`DELETE FROM ${table} WHERE (${key}) IN (${expired})`, batch)
}

function removeEvents(database: Database, retentionSeconds: number, batch: number): Promise<number> {
  return database.$executeRaw`
    DELETE FROM events WHERE id IN (
      SELECT id FROM events WHERE created_at < now() - make_interval(secs => ${retentionSeconds})
      LIMIT ${batch} FOR UPDATE SKIP LOCKED
    )`
}
