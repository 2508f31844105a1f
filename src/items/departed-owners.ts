import type { FastifyInstance } from 'fastify'
import plugin from 'fastify-plugin'
import { createAttempts } from '../database/attempts.js'
import type { Database, Transaction } from '../database/client.js'
import { lowestId } from '../database/lowest-id.js'
import { queryRows } from '../database/query.js'
import { runPeriodically } from '../lifecycle/periodic.js'

// Deleting a user takes the same time for any number of items:
//
//  1. A trigger writes the id of the user into `departed_owners`, in the transaction of the deletion. From then on no request
//     can reach the items. Adding an item locks the owner first, so the deletion waits for it, or it finds no owner.
//  2. Every process looks for departed owners and removes their items in batches, each in a transaction of its own. It locks the
//     row of the owner meanwhile, and passes over those that another process has locked.
//  3. The transaction of the last batch deletes the row. After a crash the next search removes the rest.
//
// Each statement names the items of one owner and no other table, so that it concerns one server where the table of items is
// divided among several.

/** Time between two searches for deleted users (milliseconds). */
const intervalMs = 5_000
/** Maximum number of items that one transaction removes. */
const batchRows = 1_000

/** Removes the items of deleted users. */
export const departedOwners = plugin(registerRemoval, { name: 'departed-owners', dependencies: ['database'] })

async function registerRemoval(app: FastifyInstance): Promise<void> {
  const closing = new AbortController()
  runPeriodically(app, 'removing the items of deleted users', intervalMs, () =>
    app.outage.unless(() => removeDepartedItems(app.database, closing.signal)),
  )
  app.addHook('preClose', async () => closing.abort())
}

/**
 * Removes the items of all deleted users. Ends after the current batch if `signal` aborts. Where a server of a cluster fails or
 * hangs, the items of other users are removed all the same.
 *
 * @throws NodeFailure or the error of a timeout, the first one, after the other items are removed
 */
export async function removeDepartedItems(
  database: Database,
  signal?: AbortSignal,
  batch = batchRows,
): Promise<void> {
  const { attempt, requireSuccess } = createAttempts(database)
  for (const { ownerId } of await queryRows<{ ownerId: string }>(departed, [], database))
    await attempt(() => removeItemsOf(ownerId, signal, batch, database))
  requireSuccess()
}

async function removeItemsOf(
  ownerId: string,
  signal: AbortSignal | undefined,
  batch: number,
  database: Database,
): Promise<void> {
  let last: Position | undefined = beforeAll
  while (last && !signal?.aborted) last = await removeBatch(ownerId, last, batch, database)
}

/** Position of an item in the index that batches follow. The time is text of PostgreSQL. */
interface Position {
  createdAt: string
  id: string
}

const beforeAll: Position = { createdAt: '-infinity', id: lowestId }
const afterAll: Position = { createdAt: 'infinity', id: 'ffffffff-ffff-ffff-ffff-ffffffffffff' }

const departed = 'SELECT owner_id AS "ownerId" FROM departed_owners ORDER BY departed_at'

/**
 * Removes the items after a position, which skips the index entries of the batches before. Returns the position of the last
 * one; undefined if the owner has none left, or if another process removes them.
 */
function removeBatch(
  ownerId: string,
  after: Position,
  rows: number,
  database: Database,
): Promise<Position | undefined> {
  return database.$transaction(async (transaction) => {
    if (!(await lockDeparted(ownerId, transaction))) return undefined
    const last = await findLast(ownerId, after, rows, transaction)
    await removeRange(ownerId, after, last ?? afterAll, transaction)
    if (!last) await transaction.departedOwner.delete({ where: { ownerId } })
    return last
  })
}

/** Locks the row of a departed owner. Returns false if another process has locked or deleted it. */
async function lockDeparted(ownerId: string, transaction: Transaction): Promise<boolean> {
  const locked = await transaction.$executeRaw`
    SELECT 1 FROM departed_owners WHERE owner_id = ${ownerId}::uuid FOR UPDATE SKIP LOCKED`
  return locked === 1
}

/** Returns the position of the last item of a full batch; undefined if fewer are left. */
async function findLast(
  ownerId: string,
  { createdAt, id }: Position,
  rows: number,
  transaction: Transaction,
): Promise<Position | undefined> {
  const [last] = await transaction.$queryRaw<Position[]>`
    SELECT created_at::text AS "createdAt", id FROM items
    WHERE owner_id = ${ownerId}::uuid AND (created_at, id) > (${createdAt}::timestamptz, ${id}::uuid)
    ORDER BY items.created_at, items.id OFFSET ${rows - 1}::int LIMIT 1`
  return last
}

async function removeRange(
  ownerId: string,
  after: Position,
  last: Position,
  transaction: Transaction,
): Promise<void> {
  await transaction.$executeRaw`
    DELETE FROM items
    WHERE owner_id = ${ownerId}::uuid
      AND (created_at, id) > (${after.createdAt}::timestamptz, ${after.id}::uuid)
      AND (created_at, id) <= (${last.createdAt}::timestamptz, ${last.id}::uuid)`
}
