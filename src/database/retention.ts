import type { FastifyInstance } from 'fastify'
import plugin from 'fastify-plugin'
import { runPeriodically } from '../lifecycle/periodic.js'
import type { ExpiringTable } from '../metrics/catalogue/database.js'
import type { Metrics } from '../metrics/index.js'
import { createAttempts } from './attempts.js'
import type { Database } from './client.js'
import { familyRemoval, type RemovalBounds, removeInBatches, rowRemoval } from './removal.js'

/** Tables with a column `expires_at`, and their keys. */
const tablesWithExpiry = [
  ['revoked_tokens', 'fingerprint'],
  ['one_time_tokens', 'fingerprint'],
  ['idempotency_keys', 'subject, key'],
  ['guess_counts', 'key'],
  ['known_networks', 'digest'],
  ['mail_budgets', 'key'],
  ['assertion_uses', 'digest'],
  ['status_entries', 'list_id, ordinal'],
] as const

const expired = 'expires_at < now()'

/**
 * Condition of status lists that were retired an hour ago: every statement that could still add rows to them has ended. A list can
 * have many rows, so they are removed in batches, before the list.
 */
const retired = "retires_at < now() - interval '1 hour'"
const ofRetired = `list_id IN (SELECT id FROM status_lists WHERE ${retired})`

/** Statements that remove rows in batches, by table. */
const removals: [ExpiringTable, string][] = [
  ['token_families', familyRemoval(expired)],
  ...tablesWithExpiry.map(([table, key]): [ExpiringTable, string] => [
    table,
    rowRemoval(table, key, expired),
  ]),
  ['status_revocations', rowRemoval('status_revocations', 'list_id, first, count', ofRetired)],
  ['status_blocks', rowRemoval('status_blocks', 'list_id, first', ofRetired)],
  ['status_lists', rowRemoval('status_lists', 'id', retired)],
]

/**
 * Messages expire a day after their delivery, undelivered ones 7 days after their cause. With a shorter retention of events, they
 * expire earlier.
 */
const messageRemoval = rowRemoval(
  'outbox',
  'id',
  "expires_at < now() + greatest(interval '7 days' - make_interval(secs => $2::float8), interval '0')",
)

const eventRemoval = rowRemoval('events', 'id', 'created_at < now() - make_interval(secs => $2::float8)')

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
  const closing = new AbortController()
  runPeriodically(app, 'removing expired rows', intervalMs, () =>
    app.outage.unless(() => removeExpired(app.database, settings, { signal: closing.signal }, app.metrics)),
  )
  app.addHook('preClose', async () => closing.abort())
}

/** Removes expired rows, and audit events and messages older than `eventRetentionSeconds`, in batches. */
export async function removeExpired(
  database: Database,
  { eventRetentionSeconds }: Retention,
  bounds: RemovalBounds = {},
  metrics?: Pick<Metrics, 'removedRows'>,
): Promise<void> {
  const { attempt, requireSuccess } = createAttempts(database)
  async function remove(table: ExpiringTable, removal: string, ...values: unknown[]): Promise<void> {
    await attempt(async function removeRows() {
      const removed = await removeInBatches(removal, values, database, bounds)
      metrics?.removedRows.add({ table }, removed)
    })
  }

  for (const [table, removal] of removals) await remove(table, removal)
  await remove('outbox', messageRemoval, eventRetentionSeconds)
  await remove('events', eventRemoval, eventRetentionSeconds)
  requireSuccess()
}
