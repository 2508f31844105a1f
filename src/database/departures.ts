import type { FastifyInstance } from 'fastify'
import plugin from 'fastify-plugin'
import { runPeriodically } from '../lifecycle/periodic.js'
import { createAttempts } from './attempts.js'
import type { Database } from './client.js'
import { removeDepartedScopes } from './departed-scopes.js'
import { endedTokens, type Leftover, leftRows } from './leftovers.js'
import { queryRows } from './query.js'
import { batchRows, type RemovalBounds } from './removal.js'

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

/** Removes what deleted users, clients, resources and scopes left behind. */
export const departures = plugin(registerRemoval, { name: 'departures', dependencies: ['change-feed'] })

async function registerRemoval(app: FastifyInstance): Promise<void> {
  const closing = new AbortController()
  const { signal } = closing
  const wakeEnding = runPeriodically(app, 'ending tokens', intervalMs, () =>
    app.outage.unless(() => endTokens(app.database, { signal })),
  )
  const wakeRemoval = runPeriodically(app, 'removing what deletions left behind', intervalMs, () =>
    app.outage.unless(() => removeLeftRows(app.database, { signal })),
  )
  app.changes.subscribe(function followDepartures(change) {
    if (change !== null && !change.startsWith('departure:')) return
    wakeEnding()
    wakeRemoval()
  })
  app.addHook('preClose', async () => closing.abort())
}

/** Ends the tokens of all departures that end tokens, in batches. They do not wait for the other departures. */
async function endTokens(database: Database, bounds: RemovalBounds): Promise<void> {
  await takeTurns(endedTokens, database, bounds)
}

/** Removes what all departures left behind, in batches. */
export async function removeDepartures(database: Database, bounds: RemovalBounds = {}): Promise<void> {
  await endTokens(database, bounds)
  await removeLeftRows(database, bounds)
}

/** Removes what the departures left behind that end no tokens, in batches. */
async function removeLeftRows(database: Database, bounds: RemovalBounds): Promise<void> {
  // Scopes are the first, as their names are not free until then.
  await removeDepartedScopes(database, bounds)
  await takeTurns(leftRows, database, bounds)
}

/**
 * Works on the departures of some kinds in turns, one batch of each, so that a large one does not hold up the others. One that a
 * time limit has ended is left for the next search.
 */
async function takeTurns(
  leftovers: Record<string, Leftover[]>,
  database: Database,
  bounds: RemovalBounds,
): Promise<void> {
  const { attempt, requireSuccess } = createAttempts(database)
  const postponed = new Set<string>()
  let isWorking = true
  while (isWorking && !bounds.signal?.aborted) {
    isWorking = false
    for (const departure of await queryRows<Departure>(pending, [Object.keys(leftovers)], database)) {
      const { kind, key } = departure
      if (postponed.has(`${kind}:${key}`)) continue
      const left = leftovers[kind] as Leftover[]
      const hasFound = await attempt(() => removeBatch(departure, left, database, bounds))
      if (hasFound) isWorking = true
      if (hasFound === undefined) postponed.add(`${kind}:${key}`)
    }
  }
  requireSuccess()
}

interface Departure {
  kind: string
  key: string
  /** Time of the departure, as text: it has a higher precision than a Date. */
  departedAt: string
}

const pending = `
  SELECT kind, key, departed_at::text AS "departedAt" FROM departures WHERE kind = ANY ($1::text[]) ORDER BY departed_at`

/** Removes one batch of what a departure left behind, or deletes the departure if nothing is left. Returns whether it found rows. */
async function removeBatch(
  { kind, key, departedAt }: Departure,
  left: Leftover[],
  database: Database,
  { rows = batchRows, signal }: RemovalBounds,
): Promise<boolean> {
  for (const { removal } of left) {
    if (signal?.aborted) return false
    const [batch] = await queryRows<{ count: number }>(removal, [rows, key], database)
    if (batch?.count !== 0) return true
  }
  await queryRows(completionOf(left), [kind, key, departedAt], database)
  return false
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
