import { encodeCursor } from '#dist/src/http/cursor.js'
import { addItems, addUsers } from './fixtures.js'

const owned = 1_000_000
const others = 100
const limit = 100
const latePage = 10_000
/** Number of different items that are read one at a time. */
const readItems = 1_000

/**
 * Adds 1,000,000 items of one owner, and the same number of other owners in between.
 *
 * @param {import('pg').Client} sql
 * @param {import('./tokens.js').Issuer} issuer
 * @returns a token of that owner, ids of some items, and the cursor of page 10,000
 */
export async function addLargeOwner(sql, issuer) {
  const names = Array.from({ length: others }, (_, index) => `other-owner-${index}`)
  const [owner, ...rest] = await addUsers(sql, ['owner-of-1000000', ...names])
  if (!owner) throw new Error('no owner was added')
  console.error(`adding ${2 * owned} items …`)
  const turns = rest.flatMap((other) => [owner, other])
  await addItems(sql, turns, owned / others)
  const [token = ''] = await issuer.accessTokens([owner])
  return { token, itemIds: await someItems(sql, owner.id), cursor: await cursorOfLatePage(sql, owner.id) }
}

/**
 * @param {import('pg').Client} sql
 * @param {string} ownerId
 */
async function someItems(sql, ownerId) {
  const { rows } = await sql.query(
    `SELECT item_id FROM (
       SELECT item_id, row_number() OVER (ORDER BY created_at) AS place FROM items WHERE owner_id = $1
     ) AS item WHERE place % $2 = 0`,
    [ownerId, owned / readItems],
  )
  return rows.map(({ item_id }) => String(item_id))
}

/**
 * @param {import('pg').Client} sql
 * @param {string} ownerId
 */
async function cursorOfLatePage(sql, ownerId) {
  const { rows } = await sql.query(
    'SELECT created_at, id FROM items WHERE owner_id = $1 ORDER BY created_at, id LIMIT 1 OFFSET $2',
    [ownerId, (latePage - 1) * limit - 1],
  )
  const [{ created_at, id }] = rows
  return encodeCursor({ sort: 'created_at', value: created_at.toISOString(), id })
}
