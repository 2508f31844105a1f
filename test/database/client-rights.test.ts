import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { migrationNames } from '../../src/database/migration-history.js'
import { migrationsDirectory } from '../../src/files.js'
import { cloneDatabase, newDatabase } from '../helpers/database.js'
import { beginTransaction, cheapHash, untilWaiting } from '../helpers/replicas.js'
import { query } from './query.js'

const migration = migrationNames().findIndex((name) => name.endsWith('_client_rights'))

const insertUser = `INSERT INTO users (id, username, hashed_password, disabled, generation)
  VALUES (gen_random_uuid(), $1, '${cheapHash}', $2, $3)`
/** As the previous version does it. */
const insertClient = `INSERT INTO clients (client_id, name, confidential, grants, scopes) VALUES ($1, $1, $2, '{}', '{}')`
const rights = 'SELECT client_id, rights FROM clients ORDER BY 1'

t.test('existing confidential clients keep the right to introspect, new ones do not get it', async (t) => {
  const url = await newDatabase(t)
  for (const name of migrationNames().slice(0, migration)) await apply(url, name)
  await query(url, insertClient, ['reports', true])
  await query(url, insertUser, ['in', false, 0])
  await query(url, insertUser, ['out', true, 0])
  await query(url, insertUser, ['out again', true, 3])
  await apply(url, migrationNames()[migration] ?? '')
  await query(url, insertClient, ['later', true])
  t.same(await query(url, rights), [
    { client_id: 'first-party', rights: [] },
    { client_id: 'later', rights: [] },
    { client_id: 'reports', rights: ['introspect'] },
  ])
  const users = await query(url, 'SELECT username, generation FROM users ORDER BY 1')
  t.same(
    users,
    [
      { username: 'in', generation: 0 },
      { username: 'out', generation: 1 },
      { username: 'out again', generation: 4 },
    ],
    'tokens issued to disabled users are no longer valid',
  )
})

t.test('only known rights are accepted, and only for confidential clients', async (t) => {
  const url = await cloneDatabase(t)
  await query(url, insertClient, ['reports', true])
  const set = (value: string) =>
    query(url, `UPDATE clients SET rights = ${value} WHERE client_id = 'reports'`)
  for (const value of ['NULL', "'{root}'", "'{NULL}'", "'{introspect,root}'"])
    await t.rejects(set(value), /clients_rights_check/, value)
  await set("'{introspect}'")
  const toPublic = "UPDATE clients SET rights = '{introspect}' WHERE NOT confidential"
  await t.rejects(query(url, toPublic), /clients_public_rights_check/)
})

t.test('a reused client id starts a later generation, even while the deletion is in progress', async (t) => {
  const url = await cloneDatabase(t)
  const generation = async () => {
    const [row] = await query<{ generation: number }>(
      url,
      "SELECT generation FROM clients WHERE client_id = 'reports'",
    )
    return row?.generation
  }
  const remove = "DELETE FROM clients WHERE client_id = 'reports'"
  await query(url, insertClient, ['reports', true])
  t.equal(await generation(), 0)
  await query(url, "UPDATE clients SET generation = 3 WHERE client_id = 'reports'")
  await query(url, remove)
  await query(url, insertClient, ['reports', true])
  t.equal(await generation(), 4)
  const deletion = await beginTransaction(t, url, remove)
  const inserting = query(url, insertClient, ['reports', true])
  await untilWaiting(url)
  await deletion.query('COMMIT')
  await inserting
  t.equal(await generation(), 5)
})

/** Changes of a client, and whether its tokens end. */
const changes = [
  { what: 'nothing', statement: '', ends: false },
  { what: 'another name', statement: "UPDATE clients SET name = 'Other'", ends: false },
  { what: 'a disabling', statement: 'UPDATE clients SET disabled = true', ends: true },
  {
    what: 'a disabling as by the previous version',
    statement: 'UPDATE clients SET disabled = true, generation = generation + 1',
    ends: true,
  },
  {
    what: 'a disabling that resets the generation',
    statement: 'UPDATE clients SET disabled = true, generation = 0',
    ends: true,
  },
  { what: 'another id', statement: "UPDATE clients SET client_id = 'other'", ends: true },
]

for (const { what, statement, ends } of changes)
  t.test(`tokens of a client after ${what} ${ends ? 'end' : 'remain valid'}`, async (t) => {
    const url = await cloneDatabase(t)
    await query(url, insertClient, ['reports', true])
    await query(url, "UPDATE clients SET generation = 3 WHERE client_id = 'reports'")
    if (statement) await query(url, `${statement} WHERE client_id = 'reports'`)
    const generations = "SELECT generation FROM clients WHERE client_id IN ('reports', 'other')"
    t.same(await query(url, generations), [{ generation: ends ? 4 : 3 }])
    await query(url, "UPDATE clients SET disabled = false WHERE client_id IN ('reports', 'other')")
    t.same(await query(url, generations), [{ generation: ends ? 4 : 3 }])
  })

t.test('a client that gets the id of another does not get its tokens', async (t) => {
  const url = await cloneDatabase(t)
  const generation = async (clientId: string) => {
    const rows = await query<{ generation: number }>(
      url,
      'SELECT generation FROM clients WHERE client_id = $1',
      [clientId],
    )
    return rows[0]?.generation
  }
  for (const clientId of ['first', 'second', 'third']) await query(url, insertClient, [clientId, true])
  await query(url, "UPDATE clients SET generation = 5 WHERE client_id = 'first'")
  await query(url, "UPDATE clients SET client_id = 'elsewhere' WHERE client_id = 'first'")
  await query(url, "UPDATE clients SET client_id = 'first' WHERE client_id = 'second'")
  t.equal(await generation('first'), 6, 'renamed')
  await query(url, "DELETE FROM clients WHERE client_id = 'first'")
  await query(url, insertClient, ['first', true])
  t.equal(await generation('first'), 7, 'added')
  const deletion = await beginTransaction(t, url, "DELETE FROM clients WHERE client_id = 'first'")
  const renaming = query(url, "UPDATE clients SET client_id = 'first' WHERE client_id = 'third'")
  await untilWaiting(url)
  await deletion.query('COMMIT')
  await renaming
  t.equal(await generation('first'), 8, 'renamed while a deletion is under way')
})

async function apply(url: string, name: string): Promise<void> {
  const sql = readFileSync(join(migrationsDirectory, name, 'migration.sql'), 'utf8')
  await query(url, sql)
}
