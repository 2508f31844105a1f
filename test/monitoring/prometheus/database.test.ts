import t from 'tap'
import { query } from '../../database/query.js'
import { startProxy } from '../../helpers/proxy.js'
import { logIn } from '../../helpers/replicas.js'
import { startReplicatedServers } from '../../helpers/standby.js'
import { withoutPrometheus } from './prometheus.js'
import {
  createUsers,
  keepDoing,
  startMonitoredService,
  untilFiring,
  untilResolved,
  watch,
} from './situation.js'
import { addItem, listItems, readStatusList } from './traffic.js'

t.test('an outage of the database', { skip: withoutPrometheus }, async (t) => {
  const proxy = await startProxy(t, await createUsers(t))
  const service = await startMonitoredService(t, proxy.url)
  const prometheus = await watch(t, service)
  const { access_token } = await logIn(service)
  keepDoing(t, () => logIn(service))
  keepDoing(t, () => readStatusList(service, access_token))

  proxy.cut()
  const alerts = [
    'LatchkeyDatabaseUnavailable',
    'LatchkeyChangeFeedDisconnected',
    'LatchkeyStatusListsUnavailable',
  ]
  const burning = ['LatchkeyLoginsFailing', 'LatchkeyTokenRequestsFailing']
  await untilFiring(prometheus, ...alerts, ...burning)
  proxy.open()
  await untilResolved(prometheus, ...alerts, ...burning)
})

t.test('a database that hangs', { skip: withoutPrometheus }, async (t) => {
  const proxy = await startProxy(t, await createUsers(t))
  const service = await startMonitoredService(t, proxy.url, { DATABASE_TIMEOUT_SECONDS: '2' })
  const prometheus = await watch(t, service)
  const stops = Array.from({ length: 10 }, () => keepDoing(t, () => logIn(service)))

  const alerts = ['LatchkeyPoolExhausted', 'LatchkeySlow']
  proxy.stall()
  await untilFiring(prometheus, ...alerts)
  proxy.open()
  await Promise.all(stops.map((stop) => stop()))
  await untilResolved(prometheus, ...alerts)
})

t.test('statements that take long', { skip: withoutPrometheus }, async (t) => {
  const url = await createUsers(t)
  const service = await startMonitoredService(t, url)
  const prometheus = await watch(t, service)
  const { access_token } = await logIn(service)
  await query(
    url,
    'CREATE FUNCTION dawdle() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN PERFORM pg_sleep(0.8); RETURN NEW; END $$',
  )
  await query(url, 'CREATE TRIGGER dawdle BEFORE INSERT ON items FOR EACH ROW EXECUTE FUNCTION dawdle()')
  keepDoing(t, () => addItem(service, access_token))
  await untilFiring(prometheus, 'LatchkeyStatementsSlow')
  await query(url, 'DROP TRIGGER dawdle ON items')
  await untilResolved(prometheus, 'LatchkeyStatementsSlow')
})

t.test('a replica that lags behind', { skip: withoutPrometheus }, async (t) => {
  const { primary, standby } = await startReplicatedServers(t)
  const service = await startMonitoredService(t, primary.url, {
    DATABASE_REPLICA_URL: standby.url,
    DATABASE_REPLICA_MAX_LAG_SECONDS: '1',
  })
  const prometheus = await watch(t, service)
  const { access_token } = await logIn(service)
  keepDoing(t, () => addItem(service, access_token))
  keepDoing(t, () => listItems(service, access_token))

  await query(standby.url, 'SELECT pg_wal_replay_pause()')
  await untilFiring(prometheus, 'LatchkeyReplicaUnusable')
  await query(standby.url, 'SELECT pg_wal_replay_resume()')
  await untilResolved(prometheus, 'LatchkeyReplicaUnusable')
})
