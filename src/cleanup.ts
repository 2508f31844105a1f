import type { Database } from './database/index.js'

/** So many rows are removed by one statement, so that none holds its locks for long. */
const batchRows = 1_000

/** Removes what has expired, and events that are older than `eventRetentionSeconds`, in small batches. */
export async function removeExpired(
  database: Database,
  { eventRetentionSeconds }: { eventRetentionSeconds: number },
  batch = batchRows,
): Promise<void> {
  for (const removeBatch of [
    ...[removeRefreshTokens, removeFamilies, removeRevocations, removeOneTimeTokens, removeIdempotencyKeys],
    () => removeEvents(database, eventRetentionSeconds, batch),
  ]) {
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

function removeOneTimeTokens(database: Database, batch: number): Promise<number> {
  return database.$executeRaw`
    DELETE FROM one_time_tokens WHERE fingerprint IN (
      SELECT fingerprint FROM one_time_tokens WHERE expires_at < now() LIMIT ${batch} FOR UPDATE SKIP LOCKED
    )`
}

function removeIdempotencyKeys(database: Database, batch: number): Promise<number> {
  return database.$executeRaw`
    DELETE FROM idempotency_keys WHERE (subject, key) IN (
      SELECT subject, key FROM idempotency_keys WHERE expires_at < now() LIMIT ${batch} FOR UPDATE SKIP LOCKED
    )`
}

function removeEvents(database: Database, retentionSeconds: number, batch: number): Promise<number> {
  return database.$executeRaw`
    DELETE FROM events WHERE id IN (
      SELECT id FROM events WHERE created_at < now() - make_interval(secs => ${retentionSeconds})
      LIMIT ${batch} FOR UPDATE SKIP LOCKED
    )`
}
