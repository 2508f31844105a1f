import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { migrationNames } from '../../src/database/migrations.js'
import { migrationsDirectory } from '../../src/files.js'
import { cloneDatabase, newDatabase } from '../helpers/database.js'
import { beginTransaction, cheapHash, untilWaiting } from '../helpers/replicas.js'
import { query } from './query.js'

const migration = migrationNames().findIndex((name) => name.endsWith('_client_rights'))

const insertUser = `INSERT INTO users (id, username, hashed_password, disabled, generation)
  VALUES (gen_random_uuid(), $1, '${cheapHash}', $2, $3)`
/** As the version before does it. */
const insertClient = `INSERT INTO clients (client_id, name, confidential, grants, scopes) VALUES ($1, $1, $2, '{}', '{}')`
const rights = 'SELECT client_id, rights FROM clients ORDER BY 1'

t.test('confidential clients that exist keep being told of every token, new ones are not', async (t) => {
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
    'what was issued to users while they are locked out is dead',
  )
})

t.test('rights are known ones, and of confidential clients', async (t) => {
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

t.test(
  'a client id that is used again begins a later generation, also while the deletion is under way',
  async (t) => {
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
  },
)

/** What a statement does to a client. */
const changes = [
  { what: 'nothing', statement: '', ends: false },
  { what: 'another name', statement: "UPDATE clients SET name = 'Other'", ends: false },
  { what: 'a disabling', statement: 'UPDATE clients SET disabled = true', ends: true },
  {
    what: 'a disabling as by the version before',
    statement: 'UPDATE clients SET disabled = true, generation = generation + 1',
    ends: true,
  },
  {
    what: 'a disabling that sets the generation back',
    statement: 'UPDATE clients SET disabled = true, generation = 0',
    ends: true,
  },
  { what: 'another id', statement: "UPDATE clients SET client_id = 'other'", ends: true },
]

for (const { what, statement, ends } of changes)
  t.test(`tokens of a client after ${what}: ${ends ? 'ended once' : 'go on'}`, async (t) => {
    const url = await cloneDatabase(t)
    await query(url, insertClient, ['reports', true])
    await query(url, "UPDATE clients SET generation = 3 WHERE client_id = 'reports'")
    if (statement) await query(url, `${statement} WHERE client_id = 'reports'`)
    const generations = "SELECT generation FROM clients WHERE client_id IN ('reports', 'other')"
    t.same(await query(url, generations), [{ generation: ends ? 4 : 3 }])
    await query(url, "UPDATE clients SET disabled = false WHERE client_id IN ('reports', 'other')")
    t.same(await query(url, generations), [{ generation: ends ? 4 : 3 }])
  })

t.test('no client gets the tokens of another one whose id it is given', async (t) => {
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
