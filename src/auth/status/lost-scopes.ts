import type { FastifyInstance } from 'fastify'
import type { Database } from '../../database/client.js'
import { lowestId } from '../../database/lowest-id.js'
import { queryRows } from '../../database/query.js'
import { batchRows, type RemovalBounds } from '../../database/removal.js'
import { runPeriodically } from '../../lifecycle/periodic.js'
import { grantedScopes } from '../../users/store/granted-scopes.js'
import { passwordScope, userScopes } from '../scope.js'

// A token states the scopes that it was issued with. When a user has lost one of them, by a change of the user, of a role or of a
// default, the bit of the token is set. There can be any number of such tokens, so triggers only note that a user (`user_lost_scope`)
// or anybody (`scope_lost`) has lost a scope, and batches walk through the logins.

/** Time between two searches for lost scopes (milliseconds). */
const intervalMs = 5_000
/**
 * Time after a loss at which the logins are walked through once more (seconds). A login whose statement began before the loss can be
 * stored after the first walk, but no statement takes that long.
 */
const settledSeconds = 60

/** Registers the tasks that revoke the tokens of users who have lost a scope, at once when that is announced. */
export function registerLostScopes(app: FastifyInstance): void {
  const closing = new AbortController()
  for (const kind of kinds) {
    const search = createSearch(kind, app.database, { signal: closing.signal })
    const wake = runPeriodically(app, 'revoking tokens with lost scopes', intervalMs, () =>
      app.outage.unless(search),
    )
    app.changes.subscribe(function followLosses(change) {
      if (change === null || change === `departure:${kind}`) wake()
    })
  }
  app.addHook('preClose', async () => closing.abort())
}

/** Kinds of losses. Each has a task of its own, as walking through all logins takes long. */
const kinds = ['user_lost_scope', 'scope_lost'] as const

/** A user or a scope. */
interface Loss {
  key: string
  /** Time of the loss, as text: it has a higher precision than a Date. */
  departedAt: string
  /** Whether all logins that could overlap the loss are stored. */
  isSettled: boolean
}

const pending = `
  SELECT key, departed_at::text AS "departedAt", departed_at < now() - make_interval(secs => ${settledSeconds}) AS "isSettled"
  FROM departures WHERE kind = $1 ORDER BY departed_at`

/** Returns a function that searches for losses and revokes the tokens, in batches. */
export function createSearch(
  kind: (typeof kinds)[number],
  database: Database,
  { rows = batchRows, signal }: RemovalBounds = {},
): () => Promise<void> {
  /** Losses after which the logins were walked through once. */
  let walked = new Set<string>()

  async function walkThrough(key: string): Promise<void> {
    let last: string | undefined = lowestId
    while (last !== undefined && !signal?.aborted) {
      const values: unknown[] = [rows, key, last, [...userScopes, passwordScope], passwordScope]
      const [batch] = await queryRows<{ last: string }>(walks[kind], values, database)
      last = batch?.last
    }
  }

  return async function search() {
    const seen = new Set<string>()
    for (const { key, departedAt, isSettled } of await queryRows<Loss>(pending, [kind], database)) {
      const loss = `${key} ${departedAt}`
      if (isSettled || !walked.has(loss)) await walkThrough(key)
      if (signal?.aborted) return
      if (isSettled) await queryRows(completion, [kind, key, departedAt], database)
      else seen.add(loss)
    }
    walked = seen
  }
}

/** A later loss is left for the next search, as this one did not walk through all logins after it. */
const completion = `
  DELETE FROM departures WHERE kind = $1 AND key = $2 AND departed_at = $3::text::timestamptz`

/** Returns the scopes that a user has now, as SQL. */
const scopesNow = `
  CASE WHEN password_change_required THEN ARRAY[$5::varchar] ELSE $4::varchar[] || ${grantedScopes} END`

/**
 * Returns the statement that revokes the tokens of a batch of `$1` live logins, which begins after the login `$3`.
 *
 * @param logins condition of the logins
 * @param stated condition of the scopes that a token states
 */
function walk(logins: string, stated: string): string {
  return `
  WITH batch AS (
    SELECT family.id, status_list, status_ordinal, ${scopesNow} AS scopes
    FROM token_families AS family JOIN users ON users.id = user_id
    WHERE family.id > $3::uuid AND ${logins} AND revoked_at IS NULL AND expires_at > now()
    ORDER BY family.id LIMIT $1::int
  ), entries AS (
    SELECT status_list AS list_id, status_ordinal AS ordinal, scopes FROM batch
    UNION ALL
    SELECT token.status_list, token.status_ordinal, scopes
    FROM batch JOIN refresh_tokens AS token ON family_id = id AND access_expires_at > now()
    UNION ALL
    SELECT list_id, ordinal, scopes FROM batch JOIN status_entries ON family_id = id
  ), lost AS (
    SELECT entries.list_id, ordinal FROM entries
    JOIN status_lists ON status_lists.id = entries.list_id AND retires_at > now()
    CROSS JOIN LATERAL (
      SELECT string_to_array(scope, ' ')::varchar[] AS stated FROM status_blocks
      WHERE list_id = entries.list_id AND first <= ordinal ORDER BY first DESC LIMIT 1
    ) AS block
    WHERE ${stated} AND NOT stated <@ scopes
  ), revoked AS (
    INSERT INTO status_revocations (list_id, first) SELECT list_id, ordinal FROM lost ORDER BY 1, 2 ON CONFLICT DO NOTHING
  )
  SELECT id AS last FROM batch ORDER BY id DESC LIMIT 1`
}

const walks = {
  user_lost_scope: walk('user_id = $2::text::uuid', 'true'),
  scope_lost: walk('true', '$2::text = ANY (stated)'),
}
