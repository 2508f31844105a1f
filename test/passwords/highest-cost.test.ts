import t from 'tap'
import { openDatabase } from '../../src/database/client.js'
import { findHighestCost } from '../../src/passwords/highest-cost.js'
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
    t.equal(await findHighestCost(database), 20)
    await query(url, "DELETE FROM users WHERE username ~ '[0-9]{2}$'")
    t.equal(await findHighestCost(database), 14)
    await query(url, "DELETE FROM users WHERE username LIKE 'user%'")
    t.equal(await findHighestCost(database), 4, 'of the seed')
    await query(url, 'TRUNCATE users CASCADE')
    t.equal(await findHighestCost(database), 0)

    const statements: string[] = []
    const pool = database.pool.query.bind(database.pool)
    Object.assign(database.pool, {
      query(statement: { text: string }) {
        statements.push(statement.text)
        return pool(statement)
      },
    })
    await findHighestCost(database)
    const plan = await query(url, `EXPLAIN ${String(statements[0])}`)
    t.match(JSON.stringify(plan), 'users_hash_cost_idx')
  },
)
