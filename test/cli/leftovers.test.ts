import t from 'tap'
import { query } from '../database/query.js'
import { runCommand } from '../helpers/command.js'
import { cloneDatabase } from '../helpers/database.js'

/** Makes every removal from a table fail. */
function failRemovals(url: string, table: string, state: string) {
  return query(
    url,
    `CREATE OR REPLACE FUNCTION fail() RETURNS trigger LANGUAGE plpgsql AS
       $$ BEGIN RAISE 'said PostgreSQL' USING ERRCODE = '${state}'; END $$;
     CREATE OR REPLACE TRIGGER fail BEFORE DELETE ON ${table} FOR EACH STATEMENT EXECUTE FUNCTION fail()`,
  )
}

const warning =
  'latchkey: the service will remove the rest of what was deleted: the database waited too long for a lock: said PostgreSQL\n'

const creations = [
  'clients create reports --name Reports',
  'resources create orders --audience https://orders.example --scope orders:read orders:write',
  'webhooks create audit --url https://audit.example/events',
]

const deletions = [
  'clients delete reports --yes',
  'resources update orders --remove-scope orders:write --yes',
  'resources delete orders --yes',
  'webhooks delete audit --yes',
]

t.test('a deletion succeeds although what others left behind cannot be removed', async (t) => {
  const url = await cloneDatabase(t)
  const run = (line: string) => runCommand(url, line.split(' '))
  for (const line of creations) t.match(await run(line), { status: 0 }, line)
  await failRemovals(url, 'items', '55P03')
  t.match(await run('users delete johndoe --yes'), {
    status: 0,
    stdout: 'Deleted johndoe.\n',
    stderr: warning,
  })
  t.same(await query(url, 'SELECT kind FROM departures'), [], 'all but the items is removed')
  await failRemovals(url, 'departures', '55P03')
  for (const line of deletions) t.match(await run(line), { status: 0, stderr: warning }, line)
  await query(url, 'DROP TRIGGER fail ON items; DROP TRIGGER fail ON departures')
  t.match(await run('users delete alice --yes'), { status: 0, stderr: '' })
  t.same(await query(url, 'SELECT FROM items'), [], 'the next command removes the rest')
  t.same(await query(url, 'SELECT FROM departures'), [])
})

t.test('all orphans are scheduled for removal although items of one cannot be removed', async (t) => {
  const url = await cloneDatabase(t)
  await query(url, 'DELETE FROM users')
  await query(url, 'DELETE FROM departed_owners')
  await failRemovals(url, 'items', '55P03')
  const { status, stdout, stderr } = await runCommand(url, ['doctor', '--orphans', 'remove', '--yes'])
  t.match({ status, stderr }, { status: 0, stderr: warning })
  t.match(stdout, /orphaned_items +1\nremoved +true\n/)
  t.equal((await query(url, 'SELECT FROM departed_owners')).length, 1)
})

t.test('an unexpected error is none of these', async (t) => {
  const url = await cloneDatabase(t)
  await failRemovals(url, 'items', 'XX000')
  const { status, stderr } = await runCommand(url, ['users', 'delete', 'johndoe', '--yes'])
  t.equal(status, 1)
  t.match(stderr, /^latchkey: unexpected error: said PostgreSQL; /)
})
