import t, { type Test } from 'tap'
import { openDatabase } from '../../src/database/client.js'
import { describeFault } from '../../src/database/faults.js'
import { query, unreachableUrl } from '../database/query.js'
import { runCommand } from '../helpers/command.js'
import { cloneDatabase } from '../helpers/database.js'
import { beginTransaction } from '../helpers/replicas.js'

/** SQLSTATEs that end a command, and what it says. */
const faults: [state: string, meaning: string][] = [
  ['25006', 'the database is read-only'],
  ['57014', 'the database took too long'],
  ['55P03', 'the database waited too long for a lock'],
  ['40001', 'other changes were made at the same time'],
  ['53100', 'the database has no space left'],
  ['53200', 'the database has too few resources'],
  ['58030', 'the system of the database has failed'],
  ['XX001', 'the database has damaged data'],
  ['42501', 'the database refuses access'],
  ['57P01', 'the database cannot be reached, or has ended the connection'],
  ['08006', 'a server of the cluster cannot be reached, or has failed'],
]

/** Commands that write by statements of Prisma's models, and by our own. */
const commands: [args: string[], table: string, input?: string][] = [
  [['users', 'create', 'new-user'], 'users', 'correct horse battery'],
  [['users', 'disable', 'alice'], 'users'],
  [['users', 'import', '-'], 'users', '{"username":"imported"}'],
  [['roles', 'create', 'clerk'], 'roles'],
  [
    ['resources', 'create', 'orders', '--audience', 'https://orders.example', '--scope', 'orders:read'],
    'resources',
  ],
  [
    [
      'clients',
      'create',
      'shop',
      '--name',
      'Shop',
      '--grant',
      'client_credentials',
      '--scope',
      'items:admin',
    ],
    'clients',
  ],
]

async function failWith(url: string, state: string, table: string): Promise<void> {
  await query(
    url,
    `CREATE OR REPLACE FUNCTION fail() RETURNS trigger LANGUAGE plpgsql AS
       $$ BEGIN RAISE 'said PostgreSQL' USING ERRCODE = '${state}'; END $$;
     CREATE OR REPLACE TRIGGER fail BEFORE INSERT OR UPDATE ON ${table} FOR EACH STATEMENT EXECUTE FUNCTION fail()`,
  )
}

/** Checks that an output is one line of ours. */
function isOurs(t: Test, stderr: string, what: string): void {
  t.notMatch(stderr, /\bprisma\b|Invalid `|report it/i, what)
  t.equal(stderr.split('\n').length, 2, what)
}

t.test('faults of the database end each command with one line of ours', async (t) => {
  const url = await cloneDatabase(t)
  for (const [index, [state, meaning]] of faults.entries()) {
    const [args, table, input = ''] = commands[index % commands.length] ?? [[], '']
    await failWith(url, state, table)
    const what = `${state} ${args.join(' ')}`
    const { status, stderr } = await runCommand(url, args, { input })
    t.equal(status, 1, what)
    t.ok(stderr.startsWith(`latchkey: ${meaning}: `), `${what}: ${stderr}`)
    // Prisma replaces this message.
    if (state !== '40001') t.match(stderr, ': said PostgreSQL', what)
    isOurs(t, stderr, what)
    const json = await runCommand(url, [...args, '--json'], { input })
    t.match(JSON.parse(json.stderr), { error: { code: 'failure', message: new RegExp(`^${meaning}`) } }, what)
    await query(url, `DROP TRIGGER fail ON ${table}`)
  }
})

t.test('errors of statements are unexpected, but not in the words of Prisma', async (t) => {
  const url = await cloneDatabase(t)
  for (const [args, table, input = ''] of commands) {
    await failWith(url, 'XX000', table)
    const { status, stderr } = await runCommand(url, args, { input })
    t.equal(status, 1)
    t.match(stderr, /^latchkey: unexpected error: said PostgreSQL; please report it/, args.join(' '))
    t.notMatch(stderr, /\bprisma\b|Invalid `/i)
    await query(url, `DROP TRIGGER fail ON ${table}`)
  }
})

t.test('a command that waits for a lock says so', async (t) => {
  const url = await cloneDatabase(t)
  await beginTransaction(t, url, 'LOCK TABLE users')
  const env = { DATABASE_TIMEOUT_SECONDS: '2' }
  const { status, stderr } = await runCommand(url, ['users', 'list'], { env })
  t.equal(status, 1)
  t.match(stderr, /^latchkey: the database (took too long|waited too long for a lock): /)
  isOurs(t, stderr, 'users list')
})

t.test('a lost connection says whether the outcome is known', async (t) => {
  t.match(
    describeFault(new Error('Connection terminated unexpectedly')),
    /: Connection terminated unexpectedly; what the command was changing may or may not have been changed$/,
  )
  const nowhere = openDatabase({ databasePoolSize: 1, databaseTimeoutSeconds: 1 }, await unreachableUrl())
  const error = await nowhere.user.findFirst().catch((error: Error) => error)
  t.match(describeFault(error), /^the database cannot be reached, or has ended the connection: [^;]+$/)
  t.equal(describeFault(new TypeError('a bug')), undefined)
  t.match(describeFault(new Error('Query read timeout')), /^the database took too long: /)
})
