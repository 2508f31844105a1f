import t from 'tap'
import { startReplicas } from '../helpers/replicas.js'
import { startCluster } from './cluster.js'
import { type Fault, testFault } from './faults.js'
import { createLan, findNetworkObstacle, isInside, type Lan, rerun } from './lan.js'
import { findObstacle } from './programs.js'

// The cluster in a network that can be divided. This file runs itself again in a namespace, so that the network of this machine
// remains as it is.

/** Longest time without a primary (seconds): that after which its lock expires, as in deploy/ha/patroni.yml, and 5. */
const pauseSeconds = 25

function primaryIsIsolated(lan: Lan): Fault {
  return {
    title: 'the primary is cut off from the other machines, but not from its clients',
    pauseSeconds,
    responseSeconds: 12,
    async cause({ cluster, traffic, t }) {
      const primary = await cluster.find('leader')
      lan.isolate(primary.name)
      await traffic.untilFlowing()
      lan.heal()
      await cluster.untilComplete()
      t.not((await cluster.find('leader')).name, primary.name, 'its successor remains the primary')
    },
  }
}

/** Unlike a machine whose programs are killed, it does not end its connections. */
function machineVanishes(lan: Lan): Fault {
  return {
    title: 'the machine of the primary cannot be reached any more',
    pauseSeconds,
    responseSeconds: 5,
    async cause({ cluster, traffic }) {
      const primary = await cluster.find('leader')
      lan.unplug(primary.name)
      await traffic.untilFlowing()
      lan.plugIn(primary.name)
      await cluster.untilComplete()
    },
  }
}

if (isInside) {
  const lan = createLan()
  const cluster = await startCluster(t, lan)
  const { one, other } = await startReplicas(
    t,
    { DATABASE_POOL_SIZE: '10', DATABASE_TIMEOUT_SECONDS: '10' },
    cluster.url,
  )
  for (const fault of [primaryIsIsolated(lan), machineVanishes(lan)])
    await testFault(t, fault, { cluster, services: [one, other] })
} else {
  const skip = findObstacle() || findNetworkObstacle()
  const [file = '', ...args] = rerun.command
  await t.spawn(file, args, { env: rerun.env, skip }, 'in a network of its own')
}
