import { type QueryTarget, queryRows } from '../../database/query.js'

/**
 * Number of generations by which clients advance. A database that was restored does not know how often its clients began a new
 * generation after the backup, and the tokens of a client for itself name that of their issue.
 */
const clientGenerations = 1_000

/** Number of entries of a status list. */
const listSize = 2 ** 20

const statements = [
  // A token that was issued elsewhere with the shared secret is valid in generation 0 only.
  'UPDATE users SET generation = generation + 1',
  `UPDATE clients SET generation = generation + ${clientGenerations}`,
  `UPDATE former_clients SET generation = generation + ${clientGenerations}`,
  'DELETE FROM one_time_tokens',
  // A range of all entries takes the place of the others.
  'DELETE FROM status_revocations USING status_lists WHERE id = list_id AND retires_at > now()',
  `INSERT INTO status_revocations (list_id, first, count) SELECT id, 0, ${listSize} FROM status_lists WHERE retires_at > now()`,
]

/**
 * Revokes all access tokens, refresh tokens, mailed links and invitations that were ever issued, whether the database knows them or
 * not: their users and clients begin a new generation, and every entry of the status lists is set.
 */
export async function revokeAllTokens(target: QueryTarget): Promise<void> {
  for (const statement of statements) await queryRows(statement, [], target)
  await closeStatusLists(target)
}

/**
 * Closes the status lists, so that later tokens get entries of new ones. After a restore the database does not know which entries
 * were given to tokens since the backup.
 */
export async function closeStatusLists(target: QueryTarget): Promise<void> {
  await queryRows('UPDATE status_lists SET closes_at = now() WHERE closes_at > now()', [], target)
}
