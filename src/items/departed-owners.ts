import type { FastifyInstance } from 'fastify'
import plugin from 'fastify-plugin'
import type { Database } from '../database/client.js'
import { queryRows } from '../database/query.js'
import { runPeriodically } from '../lifecycle/periodic.js'

/** Time between two searches for deleted users (milliseconds). */
const intervalMs = 5_000
/** Maximum number of items that one transaction removes. */
const batchRows = 1_000

/**
 * Removes the items of deleted users. A trigger writes the id of each deleted user into `departed_owners`. No request can
 * reach their items any more, and any process removes these in batches. After a crash the next search removes the rest.
 */
export const departedOwners = plugin(registerRemoval, { name: 'departed-owners', dependencies: ['database'] })

async function registerRemoval(app: FastifyInstance): Promise<void> {
  const closing = new AbortController()
  runPeriodically(app, 'removing the items of deleted users', intervalMs, () =>
    app.outage.unless(() => removeDepartedItems(app.database, closing.signal)),
  )
  app.addHook('onClose', async () => closing.abort())
}

/** Removes the items of all deleted users. Ends after the current batch if `signal` aborts. */
export async function removeDepartedItems(
  database: Database,
  signal?: AbortSignal,
  batch = batchRows,
): Promise<void> {
  for (const { ownerId } of await queryRows<{ ownerId: string }>(departed, [], database)) {
    let last: Position | undefined = beforeAll
    while (last && !signal?.aborted) last = await removeBatch(ownerId, last, batch, database)
    await queryRows(completion, [ownerId], database)
  }
}

/** Position of an item in the index that batches follow. */
interface Position {
  createdAt: Date | '-infinity'
  id: string
}

const beforeAll: Position = { createdAt: '-infinity', id: '00000000-0000-0000-0000-000000000000' }

const departed = 'SELECT owner_id AS "ownerId" FROM departed_owners ORDER BY departed_at'

/** Removes the items after a position, and returns the position of the last of them; undefined if there were none. */
async function removeBatch(
  ownerId: string,
  { createdAt, id }: Position,
  rows: number,
  database: Database,
): Promise<Position | undefined> {
  const [last] = await queryRows<Position>(removal, [ownerId, createdAt, id, rows], database)
  return last
}

/** Each batch begins after the last position, to skip the index entries of items that are already removed. */
const removal = `
  WITH batch AS (
    SELECT id, created_at FROM items
    WHERE owner_id = $1::uuid AND (created_at, id) > ($2::timestamptz, $3::uuid)
    ORDER BY created_at, id LIMIT $4::int FOR UPDATE SKIP LOCKED
  ), removed AS (
    DELETE FROM items WHERE id IN (SELECT id FROM batch)
  )
  SELECT id, created_at AS "createdAt" FROM batch ORDER BY created_at DESC, id DESC LIMIT 1`

/** Deletes the row of a deleted user who has no items left. Items locked by another process are left for the next search. */
const completion = `
  DELETE FROM departed_owners
  WHERE owner_id = $1::uuid AND NOT EXISTS (SELECT FROM items WHERE owner_id = $1::uuid)`
