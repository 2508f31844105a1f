import type pg from 'pg'
import t from 'tap'
import { preferReplica } from '../../src/database/replica.js'
import { getAs, logIn, sendAs, startApp } from '../helpers/app.js'
import { runCommand } from '../helpers/command.js'
import { startReplicatedServers } from '../helpers/standby.js'
import { until } from '../helpers/wait.js'
import { query } from './query.js'

t.test('items are read from the replica, and from the primary while there is none', async (t) => {
  const { primary, standby } = await startReplicatedServers(t)
  const settings = { DATABASE_URL: primary.url, DATABASE_REPLICA_URL: standby.url }
  const app = await startApp(t, settings, primary.url)
  const token = await logIn(app, 'johndoe', 'secret')
  const list = async () => (await getAs(app, token, '/users/me/items/')).json<object[]>().length
  const doctor = async () => {
    const env = { ...settings, DATA_DIRECTORY: t.testdir() }
    const { stdout } = await runCommand(primary.url, ['doctor', '--json'], { env })
    return (JSON.parse(stdout) as { check: string; state: string }[]).find(({ check }) => check === 'replica')
      ?.state
  }
  t.equal(await list(), 1)
  t.equal(await doctor(), 'ok')

  await query(standby.url, 'SELECT pg_wal_replay_pause()')
  const created = await sendAs(app, token, 'POST', '/users/me/items/', { item_id: 'late' })
  t.equal(created.statusCode, 201)
  t.equal(await list(), 1, 'the replica has not got it yet')
  t.equal((await getAs(app, token, '/users/me/items/late')).statusCode, 404)
  t.equal((await getAs(app, token, '/users/me/items/export')).body.trim().split('\n').length, 1)
  t.equal((await getAs(app, token, '/users/me/items/?sort=item_id')).json<object[]>().length, 1)
  const patched = await sendAs(app, token, 'PATCH', '/users/me/items/late', { title: 'changed' })
  t.equal(patched.statusCode, 200, 'what is changed is read from the primary')

  await query(standby.url, 'SELECT pg_wal_replay_resume()')
  await until(async () => (await list()) === 2)
  t.match((await getAs(app, token, '/users/me/items/late')).json(), { title: 'changed' })

  await query(standby.url, 'SELECT pg_wal_replay_pause()')
  await query(primary.url, "UPDATE users SET disabled = true WHERE username = 'johndoe'")
  t.equal(
    (await getAs(app, token, '/users/me/items/')).statusCode,
    400,
    'who may read is for the primary to say',
  )
  await query(primary.url, "UPDATE users SET disabled = false WHERE username = 'johndoe'")

  await standby.stop()
  const again = await logIn(app, 'johndoe', 'secret')
  await sendAs(app, again, 'POST', '/users/me/items/', { item_id: 'later' })
  t.equal((await getAs(app, again, '/users/me/items/')).json<object[]>().length, 3)
  t.equal(await doctor(), 'fail')
})

/** A server that answers, or fails by one code after the other, the last one for good. */
function fake(name: string, asked: string[], ...codes: (string | null)[]) {
  return {
    async query<Row extends pg.QueryResultRow>() {
      asked.push(name)
      const code = codes.length > 1 ? codes.shift() : codes[0]
      if (code) throw Object.assign(new Error(code), { code })
      return { rows: [] } as unknown as pg.QueryResult<Row>
    },
  }
}

t.test('a replica that cannot answer is left alone for a while, and then asked by one', async (t) => {
  const asked: string[] = []
  const reads = preferReplica(fake('replica', asked, 'ECONNREFUSED', null), fake('primary', asked), 50)
  await reads.query({ text: 'SELECT 1' })
  await reads.query({ text: 'SELECT 1' })
  t.strictSame(asked.splice(0), ['replica', 'primary', 'primary'])
  await until(async () => {
    await reads.query({ text: 'SELECT 1' })
    return asked.includes('replica')
  })
  asked.length = 0
  await reads.query({ text: 'SELECT 1' })
  t.strictSame(asked, ['replica'])
})

t.test('what is about one statement does not make a replica rest', async (t) => {
  const asked: string[] = []
  for (const code of ['42601', '57014'])
    await t.rejects(
      preferReplica(fake('replica', asked, code), fake('primary', asked)).query({ text: 'SELEC' }),
      {
        code,
      },
    )
  t.strictSame(asked.splice(0), ['replica', 'replica'])
  const reads = preferReplica(fake('replica', asked, '40001', null), fake('primary', asked))
  await reads.query({ text: 'SELECT 1' })
  await reads.query({ text: 'SELECT 1' })
  t.strictSame(asked, ['replica', 'primary', 'replica'])
})
