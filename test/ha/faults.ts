import type { Test } from 'tap'
import type { Service } from '../helpers/service.js'
import type { Cluster } from './cluster.js'
import { startTraffic, type Traffic } from './traffic.js'
import { type Cost, checkOutcome } from './verdict.js'

/** Two services over a cluster. */
export interface Setting {
  cluster: Cluster
  services: [Service, Service]
}

/** Something that fails, and what it may cost. */
export interface Fault extends Cost {
  title: string
  /** Lets it fail, and repairs it. */
  cause(context: { cluster: Cluster; traffic: Traffic; t: Test }): Promise<void>
}

/** Tests a fault under traffic. The cluster is complete at the beginning, and the traffic flows at the end. */
export function testFault(t: Test, fault: Fault, { cluster, services }: Setting): Promise<unknown> {
  return t.test(fault.title, async (t) => {
    await cluster.untilComplete()
    const traffic = await startTraffic(t, cluster, services)
    await traffic.untilFlowing()
    await fault.cause({ cluster, traffic, t })
    await traffic.untilFlowing()
    await checkOutcome(t, cluster.url, traffic, fault)
  })
}
