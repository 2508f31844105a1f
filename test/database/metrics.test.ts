import t from 'tap'
import type { ReplicaReads } from '../../src/database/replica.js'
import { observeReplica } from '../../src/database/replica-metrics.js'
import { createMetrics, exposeMetrics } from '../../src/metrics/index.js'
import { startApp } from '../helpers/app.js'
import { cloneDatabase } from '../helpers/database.js'
import { readSamples, watchMetrics } from '../helpers/metrics.js'

const primary = 'db_client_connection_pool_name="primary"'

t.test('statements are timed by what they do, and by why they fail', async (t) => {
  const app = await startApp(t, { METRICS_PORT: '0' })
  const { primary: pool } = app.database.pools
  const raise = (state: string) => `DO $$ BEGIN RAISE SQLSTATE '${state}'; END $$`
  const risen = watchMetrics(app)
  const count = (labels: string) => risen(`db_client_operation_duration_seconds_count{${labels}}`)
  await pool.query('SELECT FROM former_clients')
  await pool.query({ text: 'DELETE FROM former_clients WHERE client_id = $1', values: ['canary'] })
  await pool.query('SELECT FROM pg_class')
  await app.database.$transaction(async (transaction) => {
    await transaction.$executeRaw`UPDATE roles SET name = name`
  })
  await t.rejects(pool.query('SELECT 1 / 0'))
  for (const state of ['40001', '57014', '57P03']) await t.rejects(pool.query({ text: raise(state) }))
  t.equal(count('db_operation_name="SELECT",db_collection_name="former_clients"'), 1)
  t.equal(count('db_operation_name="DELETE",db_collection_name="former_clients"'), 1)
  t.equal(count('db_operation_name="SELECT",db_collection_name="_OTHER"'), 1)
  t.equal(count('db_operation_name="UPDATE",db_collection_name="roles"'), 1)
  t.ok(count('db_operation_name="COMMIT"') >= 1)
  t.equal(count('db_operation_name="SELECT",error_type="_OTHER"'), 1)
  t.ok(count('db_operation_name="_OTHER",error_type="conflict"') >= 1)
  t.equal(count('db_operation_name="_OTHER",error_type="timeout"'), 1)
  t.equal(count('db_operation_name="_OTHER",error_type="unavailable"'), 1)
  t.notMatch(exposeMetrics(app.metrics, 'text'), 'canary')
})

t.test('without a listener statements are not timed', async (t) => {
  const app = await startApp(t)
  await app.database.pools.primary.query('SELECT 1')
  t.notMatch(exposeMetrics(app.metrics, 'text'), 'db_client_operation_duration_seconds')
})

t.test('the pools are observed', async (t) => {
  const app = await startApp(t, { METRICS_PORT: '0', DATABASE_POOL_SIZE: '2', DATABASE_TIMEOUT_SECONDS: '2' })
  const { primary: pool } = app.database.pools
  const value = (name: string, labels = primary) =>
    readSamples(exposeMetrics(app.metrics, 'text')).get(`${name}{${labels}}`)
  t.equal(value('db_client_connection_max'), 2)
  const clients = [await pool.connect(), await pool.connect()]
  t.equal(value('db_client_connection_count', `${primary},db_client_connection_state="used"`), 2)
  t.equal(value('db_client_connection_count', `${primary},db_client_connection_state="idle"`), 0)
  const waiting: Promise<unknown>[] = [pool.connect(), pool.query('SELECT 1')]
  t.equal(value('db_client_connection_pending_requests'), 2)
  for (const wait of waiting) await t.rejects(wait, { message: 'timeout exceeded when trying to connect' })
  t.equal(value('db_client_connection_timeouts_total'), 2)
  for (const client of clients) client.release()
  t.equal((await pool.query('SELECT 1 AS one')).rows[0].one, 1)
  t.equal(value('db_client_connection_timeouts_total'), 2)
})

t.test('a replica that is not usable is observed too', async (t) => {
  const url = await cloneDatabase(t)
  const app = await startApp(t, { METRICS_PORT: '0', DATABASE_URL: url, DATABASE_REPLICA_URL: url }, url)
  await app.database.readPool.query({ text: 'SELECT 1' })
  const samples = readSamples(exposeMetrics(app.metrics, 'text'))
  t.equal(samples.get('latchkey_replica_usable'), 0)
  t.equal(samples.get('latchkey_replica_reads_total{server="primary"}'), 1)
  t.notOk(samples.has('latchkey_replica_lag_seconds'), 'it has not been seen')
  t.ok(samples.has('db_client_connection_max{db_client_connection_pool_name="replica"}'))
})

t.test('the lag of a replica is given in seconds', async (t) => {
  const metrics = createMetrics()
  const replica = { isUsable: () => true, lagMs: () => 1_500, onRead() {} } as unknown as ReplicaReads
  observeReplica({ replica }, metrics)
  t.match(exposeMetrics(metrics, 'text'), 'latchkey_replica_lag_seconds 1.5\n')
  t.match(exposeMetrics(metrics, 'text'), 'latchkey_replica_usable 1\n')
})
