import t from 'tap'
import { until, withoutDocker } from './docker.js'
import { type Project, startProfile } from './project.js'

const skip = withoutDocker('postgres:18', 'nginx:stable-alpine')

/** Returns what a statement returns on a server of PostgreSQL, as psql prints it. */
function query({ compose }: Project, service: string, statement: string): Promise<string> {
  const psql = [
    'psql',
    '--host=127.0.0.1',
    '--username=latchkey',
    '--no-psqlrc',
    '--tuples-only',
    '--no-align',
  ]
  return compose('exec', '--no-TTY', service, ...psql, '--command', statement)
}

/** Logs in, and returns the status of a request for the items of the user. */
async function readItems({ origin }: Project): Promise<number> {
  const body = new URLSearchParams({ username: 'johndoe', password: 'secret' })
  const login = await fetch(`${origin}/token`, { method: 'POST', body })
  const { access_token } = (await login.json()) as { access_token: string }
  const headers = { authorization: `Bearer ${access_token}` }
  return (await fetch(`${origin}/users/me/items/`, { headers })).status
}

t.test('with the profile pooler, the service reaches PostgreSQL through PgBouncer', { skip }, async (t) => {
  const project = await startProfile(t, 'pooler')
  t.equal(await readItems(project), 200)
  const report = await project.compose('exec', '--no-TTY', 'latchkey', 'latchkey', 'doctor')
  t.match(report, /^ok +\S.* a pooler's, and DATABASE_DIRECT_URL is set$/m)
})

t.test('with the profile replica, items are read from a standby that streams', { skip }, async (t) => {
  const project = await startProfile(t, 'replica')
  await until(
    'the replica to stream',
    async () => (await query(project, 'postgres', 'SELECT state FROM pg_stat_replication')) === 'streaming',
  )
  t.equal(await query(project, 'replica', 'SELECT pg_is_in_recovery()'), 't')
  const countReads = async () =>
    Number(
      await query(
        project,
        'replica',
        "SELECT idx_scan + seq_scan FROM pg_stat_user_tables WHERE relname = 'items'",
      ),
    )
  const before = await countReads()
  await until('a read from the replica', async () => {
    t.equal(await readItems(project), 200)
    return (await countReads()) > before
  })
})
