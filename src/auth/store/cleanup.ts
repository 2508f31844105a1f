import type { Database } from '../../database/index.js'

/** So many rows are removed by one statement, so that none holds its locks for long. */
const batchRows = 1_000

/** Removes what has expired: families with their refresh tokens, and the memory of revoked access tokens. */
export async function removeExpired(database: Database, batch = batchRows): Promise<void> {
  await inBatches(batch, () => {
    return database.$executeRaw`
      DELETE FROM token_families WHERE id IN (
        SELECT id FROM token_families WHERE expires_at < now() LIMIT ${batch} FOR UPDATE SKIP LOCKED
      )`
  })
  await inBatches(batch, () => {
    return database.$executeRaw`
      DELETE FROM revoked_tokens WHERE fingerprint IN (
        SELECT fingerprint FROM revoked_tokens WHERE expires_at < now() LIMIT ${batch} FOR UPDATE SKIP LOCKED
      )`
  })
}

async function inBatches(batch: number, removeBatch: () => Promise<number>): Promise<void> {
  let removed: number
  do removed = await removeBatch()
  while (removed === batch)
}
