import fastify, { type FastifyInstance } from 'fastify'
import plugin from 'fastify-plugin'
import t, { type Test } from 'tap'
import { createSearch, registerLostScopes } from '../../../src/auth/status/lost-scopes.js'
import { type Database, openDatabase } from '../../../src/database/client.js'
import { departures, removeDepartures } from '../../../src/database/departures.js'
import { createMetrics } from '../../../src/metrics/index.js'
import { query } from '../../database/query.js'
import { cloneDatabase } from '../../helpers/database.js'
import { storeRole } from '../../helpers/resources.js'
import { revokeLostScopes, settleLosses } from '../../helpers/status.js'
import { until } from '../../helpers/wait.js'

/** Number of logins of johndoe. */
const many = 2_500

/** Maximum number of logins in a batch. */
const rows = 1_000

const lists = { login: 'login______', refresh: 'refresh____', repeated: 'repeated___', of: 'of_another_' }

/**
 * Opens a database in which johndoe has many logins, each with three tokens that state the scope of a role, and alice has one with
 * one token. The tokens of each kind have a list of their own.
 */
async function open(t: Test) {
  const url = await cloneDatabase(t)
  const database = openDatabase({ databasePoolSize: 2, databaseTimeoutSeconds: 10 }, url)
  t.teardown(() => database.$disconnect())
  await storeRole(database, 'admin', ['items:admin'], ['johndoe', 'alice'])
  await query(
    url,
    `INSERT INTO status_lists (id, class, number, seed, closes_at, retires_at)
     SELECT id, 0, number, sha256('x'), now() + interval '10 min', now() + interval '1 hour'
     FROM unnest($1::text[]) WITH ORDINALITY AS lists (id, number)`,
    [Object.values(lists)],
  )
  await query(
    url,
    `INSERT INTO status_blocks (list_id, first, count, client_id, client_generation, scope, of_users)
     SELECT id, block * 1000, 1000, 'first-party', 0, 'me items:admin', true FROM status_lists, generate_series(0, $1::int / 1000) AS block`,
    [many],
  )
  await query(
    url,
    `INSERT INTO token_families
       (id, user_id, client_id, scope, user_generation, client_generation, refreshable_until, expires_at, status_list, status_ordinal)
     SELECT gen_random_uuid(), users.id, 'first-party', 'me items:admin', users.generation, 0, now() + interval '1 day', now() + interval '1 day',
       CASE username WHEN 'johndoe' THEN $2 ELSE $3 END, number
     FROM users, generate_series(1, $1::int) AS number WHERE username = 'johndoe' OR (username = 'alice' AND number = 1)`,
    [many, lists.login, lists.of],
  )
  await query(
    url,
    `INSERT INTO refresh_tokens (fingerprint, family_id, expires_at, status_list, status_ordinal, access_expires_at)
     SELECT sha256(convert_to(id::text, 'UTF8')), id, expires_at, $1, status_ordinal, now() + interval '10 min'
     FROM token_families WHERE status_list = $2`,
    [lists.refresh, lists.login],
  )
  await query(
    url,
    `INSERT INTO status_entries (list_id, ordinal, family_id, expires_at)
     SELECT $1, status_ordinal, id, now() + interval '10 min' FROM token_families WHERE status_list = $2`,
    [lists.repeated, lists.login],
  )
  return { url, database }
}

/** Returns the number of bits that are set, by the kind of the token. */
async function countBits(url: string): Promise<Record<string, number>> {
  const found = await query<{ list: string; count: number }>(
    url,
    'SELECT list_id AS list, count(*)::int AS count FROM status_revocations GROUP BY list_id',
  )
  const names = Object.entries(lists)
  return Object.fromEntries(found.map(({ list, count }) => [names.find(([, id]) => id === list)?.[0], count]))
}

async function listDepartures(url: string): Promise<string[]> {
  return (
    await query<{ kind: string }>(url, "SELECT kind FROM departures WHERE kind NOT IN ('caller', 'inviter')")
  ).map(({ kind }) => kind)
}

/** Returns the database with a signal that is aborted when a number of batches of logins have been walked through. */
function abortAfter(batches: number, database: Database) {
  const closing = new AbortController()
  const pool = database.pool
  let walked = 0
  const counted = {
    ...{ nameStatement: database.nameStatement },
    pool: {
      async query(...given: Parameters<typeof pool.query>) {
        const result = await pool.query(...given)
        if (given[0].text.includes('FROM token_families')) walked += 1
        if (walked === batches) closing.abort()
        return result
      },
    },
  }
  return { database: counted as unknown as Database, signal: closing.signal }
}

const all = { login: many, refresh: many, repeated: many }
const john = "WHERE username = 'johndoe'"

for (const [what, statement, kind, run, expected] of [
  [
    'a new generation of a user',
    `UPDATE users SET generation = generation + 1 ${john}`,
    'former_logins',
    removeDepartures,
    all,
  ],
  ['a deleted user', `DELETE FROM users ${john}`, 'user', removeDepartures, all],
  [
    'a forced change of the password',
    `UPDATE users SET password_change_required = true ${john}`,
    'user_lost_scope',
    revokeLostScopes,
    all,
  ],
  [
    'a role that a user has lost',
    `DELETE FROM user_roles WHERE user_id = (SELECT id FROM users ${john})`,
    'user_lost_scope',
    revokeLostScopes,
    all,
  ],
  ['a deleted role', 'DELETE FROM roles', 'scope_lost', revokeLostScopes, { ...all, of: 1 }],
] as const)
  t.test(`${what} ends many logins in batches, even if the process ends in between`, async (t) => {
    const { url, database } = await open(t)
    await query(url, statement)
    t.same(await listDepartures(url), [kind])
    t.same(await countBits(url), {}, 'the statement itself is fast')
    await settleLosses(url)

    const stopping = abortAfter(2, database)
    await run(stopping.database, { rows, signal: stopping.signal })
    const { login = 0 } = await countBits(url)
    t.ok(login > 0 && login <= 2 * rows, `two batches: ${login}`)
    t.same(await listDepartures(url), [kind])

    await run(database, { rows })
    t.same(await countBits(url), expected)
    t.same(await listDepartures(url), [])
    await run(database, { rows })
    t.same(await countBits(url), expected, 'no bit is set twice')
  })

t.test('a scope that is lost again during the search is searched for again', async (t) => {
  const { url, database } = await open(t)
  await query(url, 'DELETE FROM roles')
  await settleLosses(url)
  const stopping = abortAfter(1, database)
  await revokeLostScopes(stopping.database, { rows, signal: stopping.signal })
  const pool = database.pool
  let executed = 0
  const interfering = {
    ...{ nameStatement: database.nameStatement },
    pool: {
      async query(...given: Parameters<typeof pool.query>) {
        executed += 1
        if (executed === 2)
          await query(url, 'UPDATE departures SET departed_at = departed_at - $1::interval', ['1 second'])
        return pool.query(...given)
      },
    },
  } as unknown as Database
  await createSearch('scope_lost', interfering, { rows })()
  t.same(await listDepartures(url), ['scope_lost'])
  await revokeLostScopes(database, { rows })
  t.same(await listDepartures(url), [])
})

t.test(
  'the logins are walked through once after a loss, and once when no login can overlap it any more',
  async (t) => {
    const { url, database } = await open(t)
    const search = createSearch('scope_lost', database)
    await query(url, 'DELETE FROM roles')
    const expected = { ...all, of: 1 }
    await search()
    t.same(await countBits(url), expected)
    await query(url, 'DELETE FROM status_revocations')
    await search()
    t.same(await countBits(url), {}, 'not at every search')
    t.same(await listDepartures(url), ['scope_lost'])
    await settleLosses(url)
    await search()
    t.same(await countBits(url), expected, 'with the logins that were stored meanwhile')
    t.same(await listDepartures(url), [])
  },
)

for (const [what, announced, register] of [
  ['departures', 'departure:former_logins', (app: FastifyInstance) => app.register(departures)],
  ['lost scopes', 'departure:user_lost_scope', registerLostScopes],
  ['lost scopes of many', 'departure:scope_lost', registerLostScopes],
] as const)
  t.test(`${what} are searched for at once when one is announced`, async () => {
    const app = fastify()
    let searches = 0
    let publish: (change: string | null) => void = () => {}
    const feed = async (instance: FastifyInstance) => {
      instance.decorate('changes', {
        subscribe: (listener: typeof publish) => {
          publish = listener
        },
      } as unknown as FastifyInstance['changes'])
      instance.decorate('metrics', createMetrics())
      instance.decorate('outage', {
        unless: (run: () => unknown) => run(),
      } as unknown as FastifyInstance['outage'])
      instance.decorate('database', {
        nameStatement: () => undefined,
        pool: {
          async query() {
            searches += 1
            return { rows: [] }
          },
        },
      } as unknown as Database)
    }
    app.register(plugin(feed, { name: 'change-feed' }))
    app.register(plugin(async (instance) => void (await register(instance))))
    await app.ready()
    for (const change of [announced, null]) {
      await until(() => searches > 0)
      searches = 0
      publish('user:1')
      publish(change)
    }
    await until(() => searches > 0)
    await app.close()
  })
