import { randomUUID } from 'node:crypto'
import type { InjectOptions } from 'fastify'
import t from 'tap'
import { removeDepartedItems } from '../../src/items/departed-owners.js'
import { query } from '../database/query.js'
import { logIn, startApp } from '../helpers/app.js'
import { runCommand } from '../helpers/command.js'
import { cloneDatabase } from '../helpers/database.js'
import { beginTransaction, createUser, until, untilWaiting } from '../helpers/replicas.js'
import { partitionItems } from '../helpers/sharding.js'

// Items that are added while their owner is deleted, where the table has no triggers: no item is left without its owner.

const path = '/users/me/items/'
const line = '{"item_id":"new"}\n'
const ndjson = { 'content-type': 'application/x-ndjson' }

const insertions: [what: string, request: InjectOptions][] = [
  ['an item that is posted', { method: 'POST', url: path, payload: { item_id: 'new' } }],
  [
    'an item that is posted with a key',
    {
      method: 'POST',
      url: path,
      payload: { item_id: 'new' },
      headers: { 'idempotency-key': randomUUID() },
    },
  ],
  ['an item that is put', { method: 'PUT', url: `${path}new`, payload: {} }],
  ['an import of all', { method: 'POST', url: `${path}import`, payload: line, headers: ndjson }],
  ['an import of each', { method: 'POST', url: `${path}import?mode=each`, payload: line, headers: ndjson }],
]

const url = await cloneDatabase(t)
await partitionItems(url)
const app = await startApp(t, {}, url)
const { database } = app

/** Creates a user, and returns a function that sends their requests. */
async function createOwner() {
  const username = await createUser(url)
  const token = await logIn(app, username, 'secret')
  await app.changes.sync()
  const send = (request: InjectOptions) =>
    app.inject({ ...request, headers: { authorization: `Bearer ${token}`, ...request.headers } })
  return { username, send }
}

const orphans = 'SELECT FROM items WHERE NOT EXISTS (SELECT FROM users WHERE users.id = owner_id)'

/** Removes the items of deleted users. The service may be removing them at the same time. */
async function removeAll(): Promise<void> {
  await until('all to be removed', async () => {
    await removeDepartedItems(database)
    return (await database.departedOwner.count()) === 0
  })
}

for (const [what, request] of insertions) {
  t.test(`${what} after the deletion of the owner has begun waits for it and is refused`, async (t) => {
    const { username, send } = await createOwner()
    const deletion = await beginTransaction(t, url, `DELETE FROM users WHERE username = '${username}'`)
    const answering = send(request)
    await untilWaiting(url)
    await deletion.query('COMMIT')
    const answer = await answering
    t.equal(answer.statusCode, 401, answer.body)
    t.same(answer.json(), { detail: 'Could not validate credentials', code: 'invalid_token' })
    t.strictSame(await query(url, orphans), [])
    await removeAll()
  })

  t.test(`${what} before the deletion of the owner begins is waited for and removed`, async (t) => {
    const { username, send } = await createOwner()
    const other = await beginTransaction(
      t,
      url,
      `INSERT INTO items (id, owner_id, item_id)
       SELECT gen_random_uuid(), id, 'new' FROM users WHERE username = '${username}'`,
    )
    const answering = send(request)
    await untilWaiting(url)
    const deleting = query(url, `DELETE FROM users WHERE username = '${username}'`)
    await untilWaiting(url, 2)
    await other.query('ROLLBACK')
    t.match((await answering).statusCode, /^20[01]$/)
    await deleting
    await removeAll()
    t.strictSame(await query(url, orphans), [])
  })
}

t.test('a seed waits for the deletion of a user too', async (t) => {
  await query(url, 'DELETE FROM items')
  const deletion = await beginTransaction(t, url, "DELETE FROM users WHERE username = 'johndoe'")
  const seeding = runCommand(url, ['seed'])
  await untilWaiting(url)
  await deletion.query('COMMIT')
  t.match(await seeding, { status: 3, stderr: 'latchkey: it was deleted concurrently\n' })
  t.strictSame(await query(url, orphans), [])
})
