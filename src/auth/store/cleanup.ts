import type { Database } from '../../database/index.js'

/** So many rows are removed by one statement, so that none holds its locks for long. */
const batchRows = 1_000

/** Removes what has expired: families with their refresh tokens, and the memory of revoked access tokens. */
export async function removeExpired(database: Database, batch = batchRows): Promise<void> {
  for (const removeBatch of [removeRefreshTokens, removeFamilies, removeRevocations]) {
    let removed: number
    do removed = await removeBatch(database, batch)
    while (removed === batch)
  }
}

/** Before their families: the one statement that removes a family would remove any number of them with it. */
function removeRefreshTokens(database: Database, batch: number): Promise<number> {
  return database.$executeRaw`
    DELETE FROM refresh_tokens WHERE fingerprint IN (
      SELECT fingerprint FROM refresh_tokens AS token JOIN token_families AS family ON family.id = family_id
      WHERE family.expires_at < now() LIMIT ${batch} FOR UPDATE OF token SKIP LOCKED
    )`
}

function removeFamilies(database: Database, batch: number): Promise<number> {
  return database.$executeRaw`
    DELETE FROM token_families WHERE id IN (
      SELECT id FROM token_families WHERE expires_at < now() LIMIT ${batch} FOR UPDATE SKIP LOCKED
    )`
}

function removeRevocations(database: Database, batch: number): Promise<number> {
  return database.$executeRaw`
    DELETE FROM revoked_tokens WHERE fingerprint IN (
      SELECT fingerprint FROM revoked_tokens WHERE expires_at < now() LIMIT ${batch} FOR UPDATE SKIP LOCKED
    )`
}
