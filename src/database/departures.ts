import type { FastifyInstance } from 'fastify'
import plugin from 'fastify-plugin'
import { runPeriodically } from '../lifecycle/periodic.js'
import type { Database } from './client.js'
import { removeDepartedScopes } from './departed-scopes.js'
import { queryRows } from './query.js'
import { familyRemoval, type RemovalBounds, removeInBatches, rowRemoval } from './removal.js'

// What a deleted user, client, resource or scope leaves behind can be any number of rows. A foreign key would remove them in
// one statement, which takes longer than a statement may.
//
//  1. A trigger writes the deletion into `departures`, in the transaction of the deletion.
//  2. From then on nothing accepts the rows: statements look for the user, the client and the resource, and compare
//     generations and times where another of the same name may follow.
//  3. Every process looks for departures, at once when the change feed announces one, and removes their rows in batches, each in
//     a transaction of its own. Processes skip rows that another has locked.
//  4. The departure is deleted when none of its rows is left. After a crash the next search removes the rest.

/** Time between two searches for departures (milliseconds). */
const intervalMs = 5_000

/** Rows that a departure leaves behind. */
interface Leftover {
  table: string
  condition: string
  removal: string
}

function families(condition: string): Leftover {
  return { table: 'token_families', condition, removal: familyRemoval(condition) }
}

/** Returns the same for logins that remain stored, but end: a trigger then sets the bits of their tokens in the status lists. */
function formerLogins(condition: string): Leftover {
  return {
    table: 'token_families',
    condition,
    removal: `
  WITH batch AS (
    SELECT id FROM token_families WHERE ${condition} LIMIT $1::int FOR NO KEY UPDATE SKIP LOCKED
  ), ended AS (
    UPDATE token_families SET revoked_at = now() WHERE id IN (SELECT id FROM batch)
  )
  SELECT count(*)::int AS count FROM batch`,
  }
}

function rowsOf(table: string, key: string, condition: string): Leftover {
  return { table, condition, removal: rowRemoval(table, key, condition) }
}

/** Returns SQL for a column of a departure, whose key is `$2`. */
function departed(column: 'generation' | 'departed_at', kind: string): string {
  return `(SELECT ${column} FROM departures WHERE kind = '${kind}' AND departures.key = $2::text)`
}

/**
 * What departures leave behind, by their kind. Scopes are in `departed-scopes.ts`, and the tokens of those who have lost one in
 * `auth/status/lost-scopes.ts`.
 */
const leftovers: Record<string, Leftover[]> = {
  user: [
    families('user_id = $2::text::uuid'),
    rowsOf('idempotency_keys', 'subject, key', 'owner_id = $2::text::uuid'),
    rowsOf('one_time_tokens', 'fingerprint', 'invited_by = $2::text::uuid'),
  ],
  client: [families(`client_id = $2::text AND client_generation <= ${departed('generation', 'client')}`)],
  resource: [families('resource_id = $2::text::uuid')],
  logins: [
    formerLogins(
      `user_id = $2::text::uuid AND user_generation < ${departed('generation', 'logins')}
        AND revoked_at IS NULL AND expires_at > now()`,
    ),
  ],
  caller: [
    rowsOf(
      'idempotency_keys',
      'subject, key',
      `subject = $2::text AND created_at <= ${departed('departed_at', 'caller')}`,
    ),
  ],
  inviter: [
    rowsOf(
      'one_time_tokens',
      'fingerprint',
      `invited_by = $2::text::uuid AND created_at <= ${departed('departed_at', 'inviter')}`,
    ),
  ],
}

/** Removes what deleted users, clients, resources and scopes left behind. */
export const departures = plugin(registerRemoval, { name: 'departures', dependencies: ['change-feed'] })

async function registerRemoval(app: FastifyInstance): Promise<void> {
  const closing = new AbortController()
  const wake = runPeriodically(app, 'removing what deletions left behind', intervalMs, () =>
    app.outage.unless(() => removeDepartures(app.database, { signal: closing.signal })),
  )
  app.changes.subscribe(function followDepartures(change) {
    if (change === null || change.startsWith('departure:')) wake()
  })
  app.addHook('onClose', async () => closing.abort())
}

/** Removes what all departures left behind, in batches. */
export async function removeDepartures(database: Database, bounds: RemovalBounds = {}): Promise<void> {
  const found = await queryRows<Departure>(pending, [], database)
  // Scopes are the first, as their names are not free until then.
  if (found.some(({ kind }) => kind === 'scope')) await removeDepartedScopes(database, bounds)
  for (const departure of found) await removeDeparture(departure, database, bounds)
}

interface Departure {
  kind: string
  key: string
  /** Time of the departure, as text: it has a higher precision than a Date. */
  departedAt: string
}

const pending = `
  SELECT kind, key, departed_at::text AS "departedAt" FROM departures ORDER BY departed_at`

async function removeDeparture(
  { kind, key, departedAt }: Departure,
  database: Database,
  bounds: RemovalBounds,
): Promise<void> {
  const left = leftovers[kind]
  if (!left) return
  for (const { removal } of left) await removeInBatches(removal, [key], database, bounds)
  await queryRows(completionOf(left), [kind, key, departedAt], database)
}

/**
 * Returns the statement that deletes a departure without rows. Rows that another process has locked are left for the next
 * search, as is a later departure with the same key.
 */
function completionOf(left: Leftover[]): string {
  const isRemoved = left.map(({ table, condition }) => `NOT EXISTS (SELECT FROM ${table} WHERE ${condition})`)
  return `
  DELETE FROM departures
  WHERE kind = $1::text AND key = $2::text AND departed_at = $3::text::timestamptz AND ${isRemoved.join(' AND ')}`
}
