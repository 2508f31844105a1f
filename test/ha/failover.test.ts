import { setTimeout as delay } from 'node:timers/promises'
import t, { type Test } from 'tap'
import { startReplicas } from '../helpers/replicas.js'
import { type Cluster, startCluster } from './cluster.js'
import { type Fault, testFault } from './faults.js'
import { loopback } from './network.js'
import { findObstacle } from './programs.js'
import { startTraffic, type Traffic } from './traffic.js'
import { checkOutcome } from './verdict.js'

// Two services over a cluster of three machines, made from the files in deploy/ha/, of which one program after the other fails
// while items are added and tokens are revoked.

/** The time limit is the default one, by which the goals for responses are. */
const settings = { DATABASE_POOL_SIZE: '10', DATABASE_TIMEOUT_SECONDS: '10' }
/** Time for which etcd is gone (milliseconds). */
const etcdGoneMs = 30_000
/** Time after which the lock of a primary expires, as in deploy/ha/patroni.yml (seconds). */
const ttl = 20

const postgresIsKilled: Fault = {
  title: 'PostgreSQL is killed',
  pauseSeconds: 8,
  responseSeconds: 5,
  async cause({ cluster, traffic }) {
    const primary = await cluster.find('leader')
    await primary.signalPostgres('SIGKILL')
    await traffic.untilFlowing()
  },
}

const etcdIsGone: Fault = {
  title: 'etcd is gone',
  pauseSeconds: 5,
  responseSeconds: 5,
  async cause({ cluster: { machines }, traffic, t }) {
    await Promise.all(machines.map((machine) => machine.killEtcd()))
    await delay(etcdGoneMs)
    for (const machine of machines) machine.startEtcd()
    t.same(traffic.failures('write'), [], 'no write fails')
  },
}

const standbyHangs: Fault = {
  title: 'the synchronous standby hangs',
  pauseSeconds: 12,
  responseSeconds: 12,
  async cause({ cluster, traffic, t }) {
    await hang(t, cluster, traffic)
    t.same(traffic.failures('read'), [], 'reads go on')
  },
}

const machineFails: Fault = {
  title: 'the machine of the primary fails',
  pauseSeconds: ttl + 5,
  responseSeconds: 5,
  async cause({ cluster, traffic }) {
    const primary = await cluster.find('leader')
    await primary.kill()
    await traffic.untilFlowing()
    primary.startEtcd()
    primary.startPatroni()
  },
}

/** Unlike a machine that fails, it does not end its connections, and returns as if nothing had happened. */
const machineIsSuspended: Fault = {
  title: 'the machine of the primary is suspended, as virtual machines are',
  pauseSeconds: ttl + 5,
  responseSeconds: 5,
  async cause({ cluster, traffic, t }) {
    const primary = await cluster.find('leader')
    const resume = () => primary.signal('SIGCONT')
    t.teardown(resume)
    await primary.signal('SIGSTOP')
    await traffic.untilFlowing()
    await resume()
    await cluster.untilComplete()
    t.not((await cluster.find('leader')).name, primary.name, 'its successor remains the primary')
  },
}

/** Suspends the synchronous standby until another one has taken its place. */
async function hang(t: Test, cluster: Cluster, traffic: Traffic): Promise<void> {
  const standby = await cluster.find('sync_standby')
  const resume = () => standby.signalPostgres('SIGCONT')
  t.teardown(resume)
  await standby.signalPostgres('SIGSTOP')
  await traffic.untilFlowing()
  await resume()
}

t.test('a cluster', { skip: findObstacle() }, async (t) => {
  const cluster = await startCluster(t, await loopback())
  const { one, other } = await startReplicas(t, settings, cluster.url)
  for (const fault of [postgresIsKilled, etcdIsGone, standbyHangs, machineFails, machineIsSuspended])
    await testFault(t, fault, { cluster, services: [one, other] })

  await t.test('services that name the three servers', async (t) => {
    const { one, other } = await startReplicas(t, settings, cluster.hostsUrl)
    const fault = { ...postgresIsKilled, title: 'PostgreSQL is killed, without HAProxy' }
    await testFault(t, fault, { cluster, services: [one, other] })
  })

  await t.test('a write that is answered with 503 may be stored', async (t) => {
    // They stop waiting for the synchronous standby before another one takes its place.
    const limited = { ...settings, DATABASE_TIMEOUT_SECONDS: '2' }
    const impatient = await startReplicas(t, limited, cluster.url)
    await cluster.untilComplete()
    const traffic = await startTraffic(t, cluster, [impatient.one, impatient.other])
    await traffic.untilFlowing()
    await hang(t, cluster, traffic)
    const stored = await checkOutcome(t, cluster.url, traffic, { pauseSeconds: 12, responseSeconds: 5 })
    t.ok(stored > 0)
  })
})
