import type { FastifyInstance } from 'fastify'
import type pg from 'pg'
import t from 'tap'
import { preferReplica } from '../../src/database/replica.js'
import type { ReplicaLimits } from '../../src/database/replica-check.js'
import { logIn, startApp } from '../helpers/app.js'
import { as } from '../helpers/client.js'
import { stopMonotonicClock } from '../helpers/clock.js'
import { runCommand } from '../helpers/command.js'
import { startReplicatedServers } from '../helpers/standby.js'
import { until } from '../helpers/wait.js'
import { query } from './query.js'

t.test('items are read from the replica, and from the primary while there is none', async (t) => {
  const { primary, standby } = await startReplicatedServers(t)
  const settings = { DATABASE_URL: primary.url, DATABASE_REPLICA_URL: standby.url }
  const app = await startApp(t, settings, primary.url)
  const token = await logIn(app, 'johndoe', 'secret')
  const list = async () => (await as(app, token).get('/users/me/items/')).json<object[]>().length
  const doctor = async () => {
    const env = { ...settings, DATA_DIRECTORY: t.testdir() }
    const { stdout } = await runCommand(primary.url, ['doctor', '--json'], { env })
    return (JSON.parse(stdout) as { check: string; state: string }[]).find(({ check }) => check === 'replica')
      ?.state
  }
  await until(() => isRead(app, list))
  await until(async () => (await doctor()) === 'ok')
  // From here on the replica is not checked: on a busy machine it might not answer within a second.
  const clock = stopMonotonicClock(t)

  await query(standby.url, 'SELECT pg_wal_replay_pause()')
  const created = await as(app, token).post('/users/me/items/', { item_id: 'late' })
  t.equal(created.statusCode, 201)
  t.equal(await list(), 1, 'the replica does not have it yet')
  t.equal((await as(app, token).get('/users/me/items/late')).statusCode, 404)
  t.equal((await as(app, token).get('/users/me/items/export')).body.trim().split('\n').length, 1)
  t.equal((await as(app, token).get('/users/me/items/?sort=item_id')).json<object[]>().length, 1)
  const patched = await as(app, token).patch('/users/me/items/late', { title: 'changed' })
  t.equal(patched.statusCode, 200, 'what is changed is read from the primary')

  await query(standby.url, 'SELECT pg_wal_replay_resume()')
  await until(async () => (await list()) === 2)
  t.match((await as(app, token).get('/users/me/items/late')).json(), { title: 'changed' })

  await query(standby.url, 'SELECT pg_wal_replay_pause()')
  await query(primary.url, "UPDATE users SET disabled = true WHERE username = 'johndoe'")
  // Otherwise a heartbeat that was sent before the change would count as one that was sent after it.
  clock.advance(1)
  t.equal((await as(app, token).get('/users/me/items/')).statusCode, 400, 'the primary decides who may read')
  await query(primary.url, "UPDATE users SET disabled = false WHERE username = 'johndoe'")

  await standby.stop()
  const again = await logIn(app, 'johndoe', 'secret')
  await as(app, again).post('/users/me/items/', { item_id: 'later' })
  t.equal((await as(app, again).get('/users/me/items/')).json<object[]>().length, 3)
  t.equal(await doctor(), 'fail')
})

t.test('a replica that is too far behind, or is promoted, is not read from', async (t) => {
  const { primary, standby } = await startReplicatedServers(t)
  const settings = {
    DATABASE_URL: primary.url,
    DATABASE_REPLICA_URL: standby.url,
    DATABASE_REPLICA_MAX_LAG_SECONDS: '1',
  }
  const app = await startApp(t, settings, primary.url)
  const problems: unknown[] = []
  app.database.replica?.onChange((problem) => problems.push(problem))
  const token = await logIn(app, 'johndoe', 'secret')
  const list = async () => (await as(app, token).get('/users/me/items/')).json<object[]>().length
  const doctor = async () => {
    const env = { ...settings, DATA_DIRECTORY: t.testdir() }
    const { stdout } = await runCommand(primary.url, ['doctor', '--json'], { env })
    const findings = JSON.parse(stdout) as { check: string; explanation: string }[]
    return findings.find(({ check }) => check === 'replica')?.explanation
  }
  await until(() => isRead(app, list))
  await query(standby.url, 'SELECT pg_wal_replay_pause()')
  t.equal((await as(app, token).post('/users/me/items/', { item_id: 'late' })).statusCode, 201)
  await until(async () => (await list()) === 2 && problems.at(-1) === 'is too far behind')
  await until(async () => (await doctor())?.includes('is too far behind') === true)
  await query(standby.url, 'SELECT pg_wal_replay_resume()')
  await until(() => isRead(app, list))
  t.equal(problems.at(-1), null)

  await query(standby.url, 'SELECT pg_promote()')
  await until(async () => {
    await list()
    return problems.at(-1) === 'is not a standby'
  })
  await until(async () => (await doctor())?.includes('is not a standby') === true)
  await query(standby.url, 'DELETE FROM items')
  t.equal(await list(), 2)
})

/** Returns whether items are read from the replica. */
async function isRead({ database }: FastifyInstance, list: () => Promise<unknown>): Promise<boolean> {
  await list()
  const text = 'SELECT pg_is_in_recovery() AS standby'
  const { rows } = await database.readPool.query<{ standby: boolean }>({ text })
  return rows[0]?.standby === true
}

interface Fake {
  /** Names of the servers to which reads were sent, in order. */
  asked: string[]
  /** SQLSTATEs with which the replica fails, or null, one for each statement; the last one is repeated. */
  codes: (string | null)[]
  /** State that the replica reports. */
  standby: boolean
  reached: number
  looks: number
  database: string
}

/** Reads from a replica that behaves as `fake` says. */
function fakeReads(fake: Partial<Fake>, limits: Partial<ReplicaLimits> = {}) {
  const state: Fake = {
    asked: [],
    codes: [null],
    standby: true,
    reached: 1,
    looks: 0,
    database: 'a',
    ...fake,
  }
  const answer = <Row>(row: object) => ({ rows: [row] }) as unknown as pg.QueryResult<Row & pg.QueryResultRow>
  const server = (name: string) => ({
    async query<Row extends pg.QueryResultRow>({ text }: pg.QueryConfig) {
      if (text.includes('pg_current_wal_lsn')) return answer<Row>({ lsn: '0/1' })
      if (text.includes('pg_control_system'))
        return answer<Row>({ identity: name === 'replica' ? state.database : 'a' })
      const isLook = text.includes('pg_is_in_recovery')
      if (isLook) state.looks += 1
      else state.asked.push(name)
      const code = name === 'replica' && (state.codes.length > 1 ? state.codes.shift() : state.codes[0])
      if (code) throw Object.assign(new Error(code), { code })
      return answer<Row>(isLook ? { standby: state.standby, reached: state.reached } : {})
    },
  })
  const reads = preferReplica(server('replica'), server('primary'), {
    maxLagMs: 10_000,
    restMs: 50,
    ...limits,
  })
  return { state, reads, read: () => reads.query({ text: 'SELECT 1' }) }
}

t.test('the lag is at most the time since the primary was where the replica is', async (t) => {
  const clock = stopMonotonicClock(t)
  const asked: string[] = []
  const { state, reads, read } = fakeReads({ reached: 0 })
  reads.onRead((server) => asked.push(server))
  await read()
  t.equal(reads.lagMs(), undefined)
  t.notOk(reads.isUsable())
  state.reached = 1
  await reads.inspect()
  t.equal(reads.lagMs(), 0)
  t.ok(reads.isUsable())
  state.reached = 0
  clock.advance(1_500)
  await read()
  t.equal(reads.lagMs(), 1_500)
  t.same(asked, ['primary', 'primary'])
})

t.test('a replica that fails is not read from for a while, and then checked again', async (t) => {
  const clock = stopMonotonicClock(t)
  const { state, read } = fakeReads({ codes: [null, 'ECONNREFUSED', null] })
  await read()
  await read()
  t.strictSame(state.asked.splice(0), ['replica', 'primary', 'primary'])
  clock.advance(50)
  // The read that starts the check does not wait for it.
  await read()
  await until(async () => {
    await read()
    return state.asked.includes('replica')
  })
  state.asked.length = 0
  await read()
  t.strictSame(state.asked, ['replica'])
})

t.test('a replica that cannot be checked is not read from', async (t) => {
  const { state, read, reads } = fakeReads({ codes: ['ECONNREFUSED'] }, { restMs: 60_000 })
  await read()
  await read()
  t.strictSame(state.asked, ['primary', 'primary'])
  t.equal(state.looks, 1)
  t.equal(await reads.inspect(), 'cannot be reached')
})

t.test('a replica is checked once a second, however many reads there are', async (t) => {
  const clock = stopMonotonicClock(t)
  const { state, read } = fakeReads({})
  await Promise.all(Array.from({ length: 50 }, read))
  t.equal(state.looks, 1)
  t.equal(state.asked.length, 50)
  clock.advance(999)
  await read()
  t.equal(state.looks, 1)
  clock.advance(1)
  await read()
  t.equal(state.looks, 2)
})

t.test('a standby of another database is not read from, also if the address leads to it later', async (t) => {
  const clock = stopMonotonicClock(t)
  const { state, read, reads } = fakeReads({ database: 'b' })
  await read()
  t.equal(await reads.inspect(), 'has another database than DATABASE_URL')
  t.strictSame(state.asked.splice(0), ['primary'])
  state.database = 'a'
  t.equal(await reads.inspect(), null)
  state.codes = ['ECONNREFUSED', null]
  state.database = 'b'
  await read()
  clock.advance(50)
  t.equal(await reads.inspect(), 'has another database than DATABASE_URL')
  t.strictSame(state.asked, ['replica', 'primary'])
})

t.test('a replica is usable as soon as it has caught up', async (t) => {
  const { state, reads } = fakeReads({ reached: 0 })
  const inspected = reads.inspect()
  await until(() => state.looks === 1)
  state.reached = 1
  t.equal(await inspected, null)
})

t.test('an error that concerns one statement does not make a replica unusable', async (t) => {
  for (const code of ['42601', '57014']) {
    const { state, read } = fakeReads({ codes: [null, code] })
    await t.rejects(read(), { code })
    t.strictSame(state.asked, ['replica'])
  }
  const { state, read } = fakeReads({ codes: [null, '40001', null] })
  await read()
  await read()
  t.strictSame(state.asked, ['replica', 'primary', 'replica'])
})
