import type { Database } from '../../database/client.js'
import { queryRows } from '../../database/query.js'

/**
 * Records the use of an assertion, which can be used once, at whichever replica. Returns false when it was used before or has
 * expired.
 *
 * @param expiresAt seconds since 1970
 */
export async function recordAssertionUse(
  digest: Buffer,
  expiresAt: number,
  database: Database,
): Promise<boolean> {
  return (await queryRows(assertionUse, [digest, expiresAt], database)).length === 1
}

/** The row is kept longer than the assertion, so that it is not removed while another use is decided. */
const assertionUse = `
  INSERT INTO assertion_uses (digest, expires_at)
  SELECT $1::bytea, to_timestamp($2::float8) + interval '1 minute'
  WHERE to_timestamp($2::float8) > clock_timestamp()
  ON CONFLICT DO NOTHING
  RETURNING digest`
