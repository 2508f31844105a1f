import { spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { chmod, writeFile } from 'node:fs/promises'
import { connect } from 'node:net'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { findFreePort } from '../../src/database/embedded/port.js'
import { migrate } from '../../src/database/migrations.js'
import { openSession } from '../../src/database/session.js'
import { logIn, postToken, startApp } from '../helpers/app.js'
import { as } from '../helpers/client.js'
import { runCommand } from '../helpers/command.js'
import { clonePlainDatabase, newDatabase, setDefaults } from '../helpers/database.js'
import { plainDefaults } from '../helpers/hostile.js'
import { startPooler, startStrictPooler } from '../helpers/pooler.js'
import { until } from '../helpers/wait.js'
import { makeFolder } from './folder.js'
import { query } from './query.js'

const withoutPgBouncer = spawnSync('pgbouncer', ['--version']).error ? 'pgbouncer is not installed' : false

async function runDoctor(t: Test, url: string, env: Record<string, string> = {}) {
  const { stdout } = await runCommand(url, ['doctor', '--json'], {
    env: { DATA_DIRECTORY: t.testdir(), ...env },
  })
  const findings = JSON.parse(stdout) as { check: string; state: string }[]
  return (check: string) => findings.find((one) => one.check === check)?.state
}

t.test('the doctor detects a pooler, and the limits that it does not pass on', async (t) => {
  const url = await clonePlainDatabase(t)
  const pooled = await startPooler(t, url)
  t.equal((await runDoctor(t, url))('sessions'), 'ok')
  t.equal((await runDoctor(t, pooled))('sessions'), 'fail')
  const stateOf = await runDoctor(t, pooled, { DATABASE_DIRECT_URL: url })
  t.equal(stateOf('sessions'), 'ok')
  t.equal(stateOf('limits'), 'warn')
})

t.test('a migration through a pooler is refused, as processes could not take turns', async (t) => {
  const url = await clonePlainDatabase(t)
  for (const start of [startPooler, startStrictPooler])
    await t.rejects(migrate(await start(t, url)), {
      message: 'DATABASE_URL leads to a pooler: set DATABASE_DIRECT_URL to PostgreSQL itself',
    })
})

t.test('everything works through PgBouncer in transaction mode', { skip: withoutPgBouncer }, async (t) => {
  const url = await clonePlainDatabase(t)
  const pooled = await startPgBouncer(t, url)
  const app = await startApp(t, { DATABASE_URL: pooled, DATABASE_DIRECT_URL: url, JWT_SECRET: '' }, pooled)
  await app.ready()
  await until(() => app.changes.isFresh())
  const tokens = await Promise.all(Array.from({ length: 20 }, () => logIn(app, 'johndoe', 'secret')))
  for (const path of [
    '/users/me/',
    '/users/me/items/',
    '/users/me/items/?sort=title',
    '/users/me/events/',
    '/readyz',
  ])
    for (const { statusCode } of await Promise.all(tokens.map((token) => as(app, token).get(path))))
      t.equal(statusCode, 200, path)
  const made = await Promise.all(
    tokens.map((token, i) => as(app, token).post('/users/me/items/', { item_id: `item-${i}` })),
  )
  t.ok(made.every(({ statusCode }) => statusCode === 201))
  const { refresh_token } = (await postToken(app, { username: 'johndoe', password: 'secret' })).json()
  const refreshed = await postToken(app, { grant_type: 'refresh_token', refresh_token })
  t.equal(refreshed.statusCode, 200)
  await postToken(app, { grant_type: 'refresh_token', refresh_token: 'unknown' })
  const [token = ''] = tokens
  await as(app, token).patch('/users/me/', { full_name: 'Pooled' })
  t.match((await as(app, token).get('/users/me/')).json(), { full_name: 'Pooled' })
})

t.test(
  'through PgBouncer, the default search path leads to a schema beside other tables',
  { skip: withoutPgBouncer },
  async (t) => {
    const url = await newDatabase(t)
    await query(url, 'CREATE TABLE users (id int); CREATE TABLE _prisma_migrations (id int)')
    await setDefaults(url, plainDefaults)
    const named = `${url}?schema=latchkey`
    const pooled = `${await startPgBouncer(t, url)}?schema=latchkey`
    await migrate(named)
    await t.rejects(openSession({ url: pooled, isOwn: false }), {
      message:
        /have search_path public, but latchkey is required: ALTER ROLE \w+ SET search_path = 'latchkey'$/,
    })
    await setDefaults(url, { search_path: 'latchkey' })
    const later = `${await startPgBouncer(t, url)}?schema=latchkey`
    const settings = { DATABASE_URL: later, DATABASE_DIRECT_URL: named }
    t.equal((await runCommand(later, ['seed'], { env: settings })).status, 0)
    const app = await startApp(t, settings, later)
    const token = await logIn(app, 'johndoe', 'secret')
    t.equal((await as(app, token).get('/users/me/items/')).statusCode, 200)
  },
)

/** Starts PgBouncer with two connections to the database, which its clients share. */
async function startPgBouncer(t: Test, url: string): Promise<string> {
  const { hostname, port, username, password, pathname } = new URL(url)
  const name = pathname.slice(1)
  const folder = await makeFolder(t)
  const listenPort = await findFreePort()
  await writeFile(join(folder, 'users'), `"${username}" "${password}"\n`)
  await writeFile(
    join(folder, 'config'),
    `[databases]
${name} = host=${hostname} port=${port}
[pgbouncer]
listen_addr = 127.0.0.1
listen_port = ${listenPort}
unix_socket_dir =
auth_type = scram-sha-256
auth_file = ${folder}/users
pool_mode = transaction
default_pool_size = 2
ignore_startup_parameters = extra_float_digits
`,
  )
  await chmod(folder, 0o755)
  const asUser = process.geteuid?.() === 0 ? ['-u', 'nobody'] : []
  const pgbouncer = spawn('pgbouncer', [...asUser, join(folder, 'config')], { stdio: 'ignore' })
  t.teardown(async () => {
    pgbouncer.kill('SIGKILL')
    if (pgbouncer.exitCode === null && pgbouncer.signalCode === null) await once(pgbouncer, 'exit')
  })
  await until(() => accepts(listenPort))
  const pooled = new URL(url)
  pooled.port = String(listenPort)
  return pooled.href
}

function accepts(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1', () => resolve(true)).on('error', () => resolve(false))
    socket.on('connect', () => socket.destroy())
  })
}
