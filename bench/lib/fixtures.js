/** @typedef {import('./tokens.js').User} User */

/** Hash of the password `secret` at cost 12. */
const hash = '$2b$12$EixZaYVK1fsbw1ZfbX3OXePaWxn96p36WQoeG6Lruj3vjPGga31lW'
/** Number of items per `INSERT`, each of which takes a few seconds. */
const batch = 250_000

/**
 * Adds users whose password is `secret`.
 *
 * @param {import('pg').Client} sql
 * @param {string[]} usernames
 * @returns {Promise<User[]>}
 */
export async function addUsers(sql, usernames) {
  const { rows } = await sql.query(
    `INSERT INTO users (id, username, hashed_password, updated_at)
     SELECT gen_random_uuid(), username, $2, now() FROM unnest($1::text[]) AS username RETURNING id, username`,
    [usernames, hash],
  )
  return rows
}

/**
 * Adds items to the owners in turn, created one second apart.
 *
 * @param {import('pg').Client} sql
 * @param {User[]} owners
 * @param {number} each number of items for each occurrence of an owner
 */
export async function addItems(sql, owners, each) {
  const rows = owners.length * each
  for (let from = 0; from < rows; from += batch)
    await sql.query(
      `INSERT INTO items (id, owner_id, item_id, title, created_at, updated_at)
       SELECT gen_random_uuid(), ($1::uuid[])[1 + n % $2::int], 'item-' || lpad(n::text, 8, '0'),
         CASE WHEN n % 4 > 0 THEN n % 10 || ' of ' || n END, timestamptz '2026-01-01Z' + n * interval '1 s', now()
       FROM generate_series($3::int, $4::int) n`,
      [owners.map(({ id }) => id), owners.length, from, Math.min(rows, from + batch) - 1],
    )
  await sql.query('VACUUM ANALYZE items')
}
