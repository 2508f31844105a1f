import t from 'tap'
import { openDatabase } from '../../src/database/client.js'
import { bcryptWork } from '../../src/passwords/schemes/bcrypt.js'
import { findStoredWork, maxSeconds } from '../../src/passwords/stored-work.js'
import { secondsOf } from '../../src/passwords/verify.js'
import { query } from '../database/query.js'
import { cloneDatabase } from '../helpers/database.js'

t.test(
  'the highest cost of a hash is read from an index, but for costs that are never compared',
  async (t) => {
    const url = await cloneDatabase(t)
    const database = openDatabase({ databasePoolSize: 1, databaseTimeoutSeconds: 10 }, url)
    t.teardown(() => database.$disconnect())
    await query(
      url,
      `INSERT INTO users (id, username, hashed_password)
    SELECT gen_random_uuid(), 'user' || number, '$2y$' || lpad(least(5 + number, 31)::text, 2, '0') || '$' || repeat('a', 53)
    FROM generate_series(1, 1000) AS number`,
    )
    t.same((await findStoredWork(4, database)).shared, [bcryptWork(15)])
    await query(url, "DELETE FROM users WHERE username ~ '[0-9]{2}$'")
    t.same((await findStoredWork(4, database)).shared, [bcryptWork(14)])
    t.same((await findStoredWork(15, database)).shared, [bcryptWork(15)])
    await query(url, "DELETE FROM users WHERE username LIKE 'user%'")
    t.same((await findStoredWork(0, database)).shared, [bcryptWork(4)], 'of the seed')
    await query(url, 'TRUNCATE users CASCADE')
    t.same((await findStoredWork(4, database)).shared, [bcryptWork(4)])

    const statements: string[] = []
    const pool = database.pool.query.bind(database.pool)
    Object.assign(database.pool, {
      query(statement: { text: string }) {
        statements.push(statement.text)
        return pool(statement)
      },
    })
    await findStoredWork(4, database)
    const plan = await query(url, `EXPLAIN ${String(statements[0])}`)
    t.match(JSON.stringify(plan), 'users_hash_cost_idx')
    t.match(JSON.stringify(plan), 'imported_hashes_work_kind_work_units_idx')
  },
)

t.test('the work of imported hashes is the most of each kind, of at most eight kinds', async (t) => {
  const url = await cloneDatabase(t)
  const database = openDatabase({ databasePoolSize: 1, databaseTimeoutSeconds: 10 }, url)
  t.teardown(() => database.$disconnect())
  const addHashes = async (kind: string, units: string) => {
    await query(
      url,
      `WITH added AS (
        INSERT INTO users (id, username, hashed_password)
        SELECT gen_random_uuid(), '${kind} ' || number, '$2b$04$' || repeat('.', 53) FROM generate_series(1, 3) AS number
        RETURNING id, right(username, 1)::int AS number
      )
      INSERT INTO imported_hashes SELECT id, 'x', '${kind}', ${units} FROM added`,
    )
  }
  await addHashes('sha256-crypt', 'number * 1000')
  await addHashes('pbkdf2-sha256', '100 - number')
  await addHashes('bcrypt', '64')
  t.same(
    new Set((await findStoredWork(4, database)).shared),
    new Set([
      { kind: 'bcrypt', units: 64 },
      { kind: 'sha256-crypt', units: 3_000 },
      { kind: 'pbkdf2-sha256', units: 99 },
    ]),
  )
  for (let memory = 1; memory < 10; memory++) await addHashes(`argon2 m=${memory}`, '1')
  t.equal((await findStoredWork(4, database)).shared.length, 8)
})

t.test('the work of every login is bounded in sum, whatever hashes are stored', async (t) => {
  const url = await cloneDatabase(t)
  const database = openDatabase({ databasePoolSize: 1, databaseTimeoutSeconds: 10 }, url)
  t.teardown(() => database.$disconnect())
  await query(url, "DELETE FROM users WHERE username <> 'alice'")
  for (const [index, [kind, units]] of Object.entries([
    ['argon2 m=262144 p=1', 4],
    ['bcrypt', 2 ** 20],
    ['pbkdf2-sha1', 5_000_000],
    ['pbkdf2-sha512', 5_000_000],
    ['scrypt N=131072 r=8', 2],
    ['sha256-crypt', 1_000_000],
    ['sha512-crypt', 1_000_000],
    ['of a later version', 2_000_000_000],
  ] as const))
    await query(
      url,
      `WITH added AS (
        INSERT INTO users (id, username, hashed_password) SELECT gen_random_uuid(), 'user' || $1, '$2b$04$' || repeat('.', 53)
        RETURNING id
      )
      INSERT INTO imported_hashes SELECT id, 'x', $2, $3 FROM added`,
      [index, kind, units],
    )
  const { shared, excess } = await findStoredWork(12, database)
  t.same(
    shared.map(({ kind }) => kind),
    ['bcrypt', 'of a later version', 'scrypt N=131072 r=8', 'pbkdf2-sha1'],
    'the kinds that take least',
  )
  t.ok(secondsOf(shared) <= maxSeconds)
  t.same(excess.map(({ kind }) => kind).sort(), [
    'argon2 m=262144 p=1',
    'bcrypt',
    'pbkdf2-sha512',
    'sha256-crypt',
    'sha512-crypt',
  ])
  t.ok(secondsOf((await findStoredWork(15, database)).shared) <= maxSeconds)
})
