import t, { type Test } from 'tap'
import { openDatabase } from '../../../src/database/client.js'
import { removeDepartures } from '../../../src/database/departures.js'
import { query } from '../../database/query.js'
import { cloneDatabase } from '../../helpers/database.js'
import { storeResource } from '../../helpers/resources.js'
import { storeList } from '../../helpers/status-lists.js'

/** Number of blocks of which the last one is not ended by the statement itself. */
const many = 10_001

/** Opens a database in which first-party has many blocks for a resource, and another client has one. */
async function open(t: Test) {
  const url = await cloneDatabase(t)
  const database = openDatabase({ databasePoolSize: 2, databaseTimeoutSeconds: 10 }, url)
  t.teardown(() => database.$disconnect())
  await storeResource(database, { name: 'orders', identifier: 'urn:orders', scopes: ['orders:read'] })
  await query(
    url,
    "INSERT INTO clients (client_id, name, confidential, grants, scopes) VALUES ('shop', 'Shop', false, '{}', '{}')",
  )
  const { id } = await storeList(url)
  await query(
    url,
    `INSERT INTO status_blocks (list_id, first, count, client_id, client_generation, resource_id, scope, of_users)
     SELECT $1, 32 * number, 32, CASE number WHEN 0 THEN 'shop' ELSE 'first-party' END, 0,
       CASE number WHEN 0 THEN NULL ELSE resources.id END, '', true
     FROM resources, generate_series(0, $2::int) AS number`,
    [id, many],
  )
  return { url, database }
}

for (const [what, statement, kind] of [
  ['client', "UPDATE clients SET disabled = true WHERE client_id = 'first-party'", 'client_blocks'],
  ['resource', 'UPDATE resources SET disabled = true', 'resource_blocks'],
  ['resource that loses a scope', 'DELETE FROM resource_scopes', 'resource_blocks'],
] as const)
  t.test(`a ${what} with very many blocks ends them in batches`, async (t) => {
    const { url, database } = await open(t)
    await query(url, statement)
    t.same(await query(url, 'SELECT FROM status_revocations'), [], 'the statement itself is fast')
    await query(
      url,
      `INSERT INTO status_blocks (list_id, first, count, client_id, client_generation, resource_id, scope, of_users)
       SELECT list_id, 1048544, 32, 'first-party', 1, resource_id, scope, of_users FROM status_blocks WHERE first = 32`,
    )
    await removeDepartures(database)
    t.match(
      await query(
        url,
        'SELECT count(*)::int AS count, min(first) AS first, max(first) AS last FROM status_revocations',
      ),
      [{ count: many, first: 32, last: 32 * many }],
      'neither a block of others nor one that was leased afterwards',
    )
    t.same(await query(url, 'SELECT FROM departures WHERE kind = $1', [kind]), [])
  })
