import type { TableState } from '../../database/citus/cluster.js'
import { distributedTables } from '../../database/citus/tables.js'
import { formatBytes } from './format-bytes.js'

/** Returns a clause about where the rows of a table are. */
export function describeTable({ name, state, shards, bytes }: TableState): string {
  const column = distributedTables.find((table) => table.name === name)?.column
  const descriptions = {
    local: 'is on the coordinator',
    prepared: 'is on the coordinator; its distribution has begun: latchkey scale distribute continues it',
    distributed: `is distributed by ${column} in ${shards} shards`,
    other: 'is partitioned or distributed in a way that Latchkey does not support',
  }
  return `${name} (${formatBytes(bytes)}) ${descriptions[state]}`
}
