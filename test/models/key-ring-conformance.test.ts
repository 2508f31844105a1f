import t from 'tap'
import { retireSpentKeys } from '../../src/auth/keys/key-store.js'
import { openDatabase } from '../../src/database/client.js'
import { query } from '../database/query.js'
import { cloneDatabase } from '../helpers/database.js'
import { explore } from './explorer.js'
import { modelKeyRing, type Ring, tickSeconds } from './key-ring.js'

const model = modelKeyRing('an operator rotates the keys')
const retirement = model.actions.find(({ name }) => name === 'process 0: retireSpentKeys')

/** Returns one state for each different content of the table of keys that the model reaches, by the age of the keys. */
function listTables(): Ring[] {
  const tables = new Map<string, Ring>()
  explore(model, 50_000, (state) => {
    const rows = state.keys.map(({ signsAt, retired, isSigner }) => [state.now - signsAt, retired, isSigner])
    tables.set(JSON.stringify(rows), state)
  })
  return [...tables.values()]
}

/** Stores the keys of a state, half a tick later, as the time goes on during a test. */
async function storeKeys(url: string, { now, keys }: Ring): Promise<void> {
  await query(url, 'DELETE FROM signing_keys')
  for (const [id, { signsAt, retired, isSigner }] of keys.entries())
    await query(
      url,
      `INSERT INTO signing_keys
        (kid, algorithm, public_jwk, sealed_private_key, sealed_under, token_ttl_seconds, signs_at, signed_at, retired_at)
      VALUES ($1, 'ES256', '{}', CASE WHEN $4 THEN NULL ELSE 'x'::bytea END, 'x', $2, now() - make_interval(secs => $3::int),
        CASE WHEN $5 THEN now() END, CASE WHEN $4 THEN now() END)`,
      [String(id), tickSeconds, (now - signsAt + 0.5) * tickSeconds, retired !== 'no', isSigner],
    )
}

t.test('the statement that retires keys retires those that the model does', async (t) => {
  const url = await cloneDatabase(t)
  const database = openDatabase({ databasePoolSize: 1, databaseTimeoutSeconds: 10 }, url)
  t.teardown(() => database.$disconnect())
  const tables = listTables()
  let retired = 0
  for (const table of tables) {
    await storeKeys(url, table)
    await retireSpentKeys(database)
    const stored = await query<{ live: boolean }>(
      url,
      'SELECT retired_at IS NULL AS live FROM signing_keys ORDER BY kid',
    )
    const expected = structuredClone({ ...table, now: table.now + 0.5 })
    if (retirement?.isEnabled(expected)) {
      retirement.run(expected)
      retired += 1
    }
    const description = JSON.stringify(table.keys.map((key) => ({ ...key, age: table.now - key.signsAt })))
    t.same(
      stored.map(({ live }) => live),
      expected.keys.map((key) => key.retired === 'no'),
      description,
    )
  }
  t.ok(retired > 0, `${tables.length} tables, of which ${retired} have a key to retire`)
})
