import t from 'tap'
import { nameStatements } from '../../src/database/statement.js'

t.test('a statement has one name, and another statement another one', async (t) => {
  const name = nameStatements()
  t.equal(name('SELECT 1'), name('SELECT 1'))
  t.not(name('SELECT 1'), name('SELECT 2'))
  t.ok(name('SELECT 3'.padEnd(200)).length < 64, 'PostgreSQL cuts longer names')
})
