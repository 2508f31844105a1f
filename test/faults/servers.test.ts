import type { FastifyInstance } from 'fastify'
import t, { type Test } from 'tap'
import { query } from '../database/query.js'
import { logIn, startApp } from '../helpers/app.js'
import { as } from '../helpers/client.js'
import { runCommand } from '../helpers/command.js'
import { hostOf, nameHosts } from '../helpers/hosts.js'
import { startProxy } from '../helpers/proxy.js'
import { startReplicatedServers } from '../helpers/standby.js'
import { until } from '../helpers/wait.js'

const settings = { DATABASE_POOL_SIZE: '4', DATABASE_TIMEOUT_SECONDS: '4' }

interface Finding {
  check: string
  state: string
  explanation: string
}

/** Starts the service over a primary and its standby, each behind a proxy. */
async function startOverBoth(t: Test) {
  const { primary, standby } = await startReplicatedServers(t)
  const one = await startProxy(t, primary.url)
  const other = await startProxy(t, standby.url)
  const url = nameHosts(primary.url, [one.url, other.url])
  const app = await startApp(t, { ...settings, DATABASE_URL: url }, url)
  const token = await logIn(app, 'johndoe', 'secret')
  async function inspect(): Promise<Finding | undefined> {
    const { stdout } = await runCommand(url, ['doctor', '--json'], { env: { DATA_DIRECTORY: t.testdir() } })
    return (JSON.parse(stdout) as Finding[]).find(({ check }) => check === 'servers of DATABASE_URL')
  }
  const add = (itemId: string) => as(app, token).post('/users/me/items/', { item_id: itemId })
  return { primary, standby, one, other, url, app, add, inspect }
}

/** Adds items over several connections until told to stop, and returns those of which the response was a success. */
function addItems(t: Test, add: Awaited<ReturnType<typeof startOverBoth>>['add']) {
  let isRunning = true
  const added: string[] = []
  async function work(worker: number): Promise<void> {
    for (let index = 0; isRunning; index++) {
      const itemId = `${worker}-${index}`
      const { statusCode, headers } = await add(itemId)
      if (statusCode === 201) added.push(itemId)
      else t.match({ statusCode, headers }, { statusCode: 503, headers: { 'retry-after': '5' } })
    }
  }
  const workers = Promise.all([1, 2, 3, 4].map(work))
  async function stop(): Promise<string[]> {
    isRunning = false
    await workers
    return added
  }
  return { added, stop }
}

const isConnected = (app: FastifyInstance) => until(() => app.changes.isConnected())

t.test('after a failover the pool, the change feed and the commands are on the new primary', async (t) => {
  const { primary, standby, one, other, url, app, add, inspect } = await startOverBoth(t)
  await isConnected(app)
  t.match(await inspect(), {
    state: 'ok',
    explanation: `${hostOf(one.url)} accepts writes; ${hostOf(other.url)} is a standby`,
  })
  const load = addItems(t, add)
  await until(() => load.added.length > 20)

  // It sends the standby everything that was committed.
  await primary.stop()
  const before = load.added.length
  await query(standby.url, 'SELECT pg_promote()')
  await until(() => load.added.length > before + 20)
  await isConnected(app)
  const added = await load.stop()
  const rows = await query<{ item_id: string }>(standby.url, 'SELECT item_id FROM items')
  const stored = new Set(rows.map((row) => row.item_id))
  t.strictSame(
    added.filter((itemId) => !stored.has(itemId)),
    [],
    'no write is lost',
  )

  t.equal((await runCommand(url, ['users', 'list'])).status, 0)
  t.equal((await runCommand(url, ['status'])).status, 0)
  t.match(await inspect(), { state: 'warn', explanation: /cannot be used \(.*\); .* accepts writes/ })

  other.cut()
  await until(async () => (await app.inject('/readyz')).statusCode === 503)
  const { statusCode, headers } = await add('late')
  t.match({ statusCode, headers }, { statusCode: 503, headers: { 'retry-after': '5' } })
  const { stderr } = await runCommand(url, ['users', 'list'])
  t.match(stderr, /cannot reach the database: no server is usable/)
  other.open()
  await until(async () => (await add('late')).statusCode === 201)
  await isConnected(app)
})

t.test(
  'after a switchover without a restart the former primary is left at the first refused write',
  async (t) => {
    const { primary, standby, other, app, add, inspect } = await startOverBoth(t)
    await isConnected(app)
    t.equal((await add('first')).statusCode, 201)
    await query(primary.url, 'ALTER SYSTEM SET default_transaction_read_only = on')
    await query(primary.url, 'SELECT pg_reload_conf()')
    await until(async () => (await add('refused')).statusCode === 503)
    t.equal(
      app.changes.isConnected(),
      false,
      'changes on the new primary are not announced on the former one',
    )
    await query(standby.url, 'SELECT pg_promote()')
    await until(async () => (await add('second')).statusCode === 201)
    await isConnected(app)
    t.equal(app.database.direct.servers.current, hostOf(other.url))
    t.match(await inspect(), { state: 'ok', explanation: /is read-only; .* accepts writes/ })
  },
)
