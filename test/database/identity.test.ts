import t from 'tap'
import { identify, requireSameDatabase, usingConnection } from '../../src/database/identity.js'
import { OperatorError } from '../../src/lifecycle/operator-error.js'
import { runCommand } from '../helpers/command.js'
import { cloneDatabase } from '../helpers/database.js'
import { startPooler } from '../helpers/pooler.js'
import { startProgram } from '../helpers/service.js'
import { query, unreachableUrl } from './query.js'

const refusal = 'DATABASE_DIRECT_URL leads to another database than DATABASE_URL'
const url = await cloneDatabase(t)
const other = await cloneDatabase(t)

t.test('the address of a pooler leads to the same database', async (t) => {
  await t.resolves(requireSameDatabase(await startPooler(t, url), url))
  await t.resolves(
    requireSameDatabase('postgres://nowhere', 'postgres://nowhere'),
    'one address is not asked',
  )
})

t.test('a role that may not know the identity counts as right', async (t) => {
  await query(other, 'REVOKE EXECUTE ON FUNCTION pg_control_system() FROM PUBLIC')
  const identity = await usingConnection({ url: other }, async (connection) => {
    await connection.query('SET ROLE pg_database_owner')
    return identify(connection)
  })
  t.equal(identity, null)
  const broken = { query: () => Promise.reject(Object.assign(new Error('broken'), { code: 'XX000' })) }
  await t.rejects(identify(broken), { message: 'broken' })
})

t.test('a start, commands and the doctor refuse two databases, and write to neither', async (t) => {
  await t.rejects(requireSameDatabase(url, other), new OperatorError(refusal))
  const env = { DATABASE_URL: url, DATABASE_DIRECT_URL: other, DATA_DIRECTORY: t.testdir(), PORT: '0' }
  const program = startProgram(t, 'src/server.ts', env)
  t.equal(await program.ends(), 1)
  t.equal(program.stderr, `latchkey: ${refusal}\n`)
  for (const args of [['migrate'], ['users', 'list']])
    t.match(await runCommand(url, args, { env }), { status: 1, stderr: `latchkey: ${refusal}\n` })
  t.match(await runCommand(url, ['doctor'], { env }), {
    status: 1,
    stdout: new RegExp(`fail +direct URL +${refusal}`),
  })
})

t.test('commands work while the pooler cannot be reached', async (t) => {
  const env = { DATABASE_URL: await unreachableUrl(), DATABASE_DIRECT_URL: url }
  t.match(await runCommand(url, ['users', 'list'], { env }), { status: 0, stdout: /johndoe/ })
})
