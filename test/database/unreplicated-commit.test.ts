import t, { type Test } from 'tap'
import { openDatabase } from '../../src/database/client.js'
import { isDatabaseUnavailable, isOutcomeUnknown } from '../../src/database/errors.js'
import { openSession } from '../../src/database/session.js'
import { UnreplicatedCommit } from '../../src/database/unreplicated-commit.js'
import { type FragileServer, startFragileServer } from '../faults/server.js'
import { logIn, startApp } from '../helpers/app.js'
import { cheapHash } from '../helpers/replicas.js'
import { until } from '../helpers/wait.js'

// Commits that wait for a synchronous standby which does not exist, until somebody cancels the wait.

const settings = { databasePoolSize: 2, databaseTimeoutSeconds: 10 }

/** Makes commits wait for a standby from some moment on, until the test ends or they are released. */
async function requireStandby(t: Test, server: FragileServer): Promise<() => Promise<void>> {
  async function release(): Promise<void> {
    await server.query('ALTER SYSTEM RESET synchronous_standby_names')
    await server.query('SELECT pg_reload_conf()')
  }
  t.teardown(release)
  await server.query("ALTER SYSTEM SET synchronous_standby_names = 'nobody'")
  await server.query('SELECT pg_reload_conf()')
  return release
}

/** Cancels all waits for the standby, as often as it takes to settle an action. */
async function cancelWaits<T>(server: FragileServer, action: Promise<T>): Promise<T> {
  let isSettled = false
  const settle = () => {
    isSettled = true
  }
  action.then(settle, settle)
  await until(async () => {
    await server.query("SELECT pg_cancel_backend(pid) FROM pg_stat_activity WHERE wait_event = 'SyncRep'")
    return isSettled
  })
  return action
}

/** Returns the statement that adds a user. */
function insert(username: string): string {
  return `INSERT INTO users (id, username, hashed_password) VALUES (gen_random_uuid(), '${username}', '${cheapHash}')`
}

t.test('a commit that no standby has', async (t) => {
  const server = await startFragileServer(t)
  const app = await startApp(t, {}, server.directUrl)
  const token = await logIn(app, 'johndoe', 'secret')
  const database = openDatabase(settings, server.directUrl)
  t.teardown(() => database.$disconnect())
  const session = await openSession({ url: server.directUrl })
  t.teardown(() => session.end())

  const writers: Record<string, (statement: string) => Promise<unknown>> = {
    pool: (text) => database.pool.query({ text }),
    session: (text) => session.query(text),
    transaction: (text) => database.$transaction((transaction) => transaction.$executeRawUnsafe(text)),
  }
  for (const [name, write] of Object.entries(writers))
    await t.test(`of the ${name} is of unknown outcome, though it was made`, async (t) => {
      const release = await requireStandby(t, server)
      let error: unknown
      let number = 0
      await until(async () => {
        number += 1
        error = await cancelWaits(server, write(insert(`${name}-${number}`))).catch((error: unknown) => error)
        return error instanceof Error
      })
      t.type(error, UnreplicatedCommit)
      t.ok(isDatabaseUnavailable(error) && isOutcomeUnknown(error))
      await release()
      t.equal((await server.query(`SELECT FROM users WHERE username = '${name}-${number}'`)).length, 1)
      t.ok(await write('SELECT'), 'later statements are not affected')
    })

  await t.test('is answered 503, and the request can be repeated', async (t) => {
    const release = await requireStandby(t, server)
    const add = (key: string) =>
      app.inject({
        method: 'POST',
        url: '/users/me/items/',
        headers: { authorization: `Bearer ${token}`, 'idempotency-key': key },
        payload: { title: key },
      })
    let number = 0
    let response = await cancelWaits(server, add('order-0'))
    await until(async () => {
      number += 1
      response = await cancelWaits(server, add(`order-${number}`))
      return response.statusCode !== 201
    })
    t.match(response, { statusCode: 503, headers: { 'retry-after': '5' } })
    t.match(response.json(), { code: 'outcome_unknown' })
    await release()
    t.match(await add(`order-${number}`), { statusCode: 201, headers: { 'idempotency-replayed': 'true' } })
  })
})
