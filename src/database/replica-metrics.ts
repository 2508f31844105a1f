import type { Metrics } from '../metrics/index.js'
import type { ReplicaReads } from './replica.js'

/** Observes the replica, if there is one. */
export function observeReplica({ replica }: { replica: ReplicaReads | null }, metrics: Metrics): void {
  if (!replica) return
  replica.onRead((server) => metrics.replicaReads.add({ server }))
  metrics.replicaUsable.observe({}, () => Number(replica.isUsable()))
  metrics.replicaLag.observe({}, function readLag() {
    const lagMs = replica.lagMs()
    return lagMs === undefined ? undefined : lagMs / 1_000
  })
}
