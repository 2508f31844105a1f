import t from 'tap'
import { openDatabase } from '../../src/database/index.js'
import { nameStatements, queryRows } from '../../src/database/statement.js'
import { cloneDatabase } from '../helpers/database.js'
import { query } from './query.js'

t.test('a statement has one name, and another statement another one', async (t) => {
  const name = nameStatements()
  t.equal(name('SELECT 1'), name('SELECT 1'))
  t.not(name('SELECT 1'), name('SELECT 2'))
  t.ok(name('SELECT 3'.padEnd(200)).length < 64, 'PostgreSQL cuts longer names')
})

t.test('a statement goes on when a migration changes the type of a column', async (t) => {
  const url = await cloneDatabase(t)
  const database = openDatabase({ databasePoolSize: 1, databaseTimeoutSeconds: 10 }, url)
  t.teardown(() => database.$disconnect())
  const read = () => queryRows("SELECT full_name FROM users WHERE username = 'johndoe'", [], database)
  const expected = [{ full_name: 'John Doe' }]
  t.strictSame(await read(), expected)
  await query(url, 'ALTER TABLE users ALTER COLUMN full_name TYPE text')
  t.strictSame(await read(), expected)
  await t.rejects(queryRows('SELECT nothing', [], database), { code: '42703' })
})
