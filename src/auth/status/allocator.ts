import { LRUCache } from 'lru-cache'
import type { ChangeFeed } from '../../database/changes/index.js'
import type { Database } from '../../database/client.js'
import type { Metrics } from '../../metrics/index.js'
import {
  type BlockHolder,
  holderKey,
  type LeasedBlock,
  type ListTerms,
  leaseBlock,
} from '../store/status-blocks.js'
import { listTerms } from './list-terms.js'
import { OutdatedHolder } from './outdated-holder.js'
import { createPermutation, type Permutation } from './permutation.js'
import { createSupply, type StatusEntry } from './supply.js'

/** Gives each access token an entry of a status list, without a statement for each. */
export interface StatusAllocator {
  /**
   * Takes an entry for a token.
   *
   * @param ttlSeconds lifetime of the token
   * @throws OutdatedHolder when no block of entries can be leased: no token is issued without a status
   */
  take(holder: BlockHolder, ttlSeconds: number): Promise<StatusEntry>
}

/** Dependencies of the allocator. */
export interface AllocatorContext {
  database: Database
  changes: ChangeFeed
  metrics: Pick<Metrics, 'statusEntries' | 'statusBlocks'>
}

/** Maximum number of holders with blocks in memory. The entries of others are left unused. */
const maxHolders = 10_000
/** Beginning of the changes of a client in the change feed. */
const ofClient = 'client:'
/** Maximum number of lists whose permutation is in memory. A few are in use at a time. */
const maxPermutations = 100

/**
 * Creates the allocator of this process. Its blocks depend on what they were leased for, so they are dropped when a change of the
 * client is announced, which may have ended their tokens.
 */
export function createStatusAllocator(
  { database, changes, metrics }: AllocatorContext,
  now: () => number = () => performance.now(),
): StatusAllocator {
  const supplies = new LRUCache<string, ReturnType<typeof createSupply>>({ max: maxHolders })

  /** Permutations of the lists of the blocks. One takes 16 kB. */
  const permutations = new LRUCache<string, Permutation>({ max: maxPermutations })

  changes.subscribe(function dropBlocks(change) {
    if (change === null) supplies.clear()
    else if (change.startsWith(ofClient)) {
      const clientId = change.slice(ofClient.length)
      for (const key of [...supplies.keys()]) if (key.startsWith(`${clientId} `)) supplies.delete(key)
    }
  })

  function permutationOf({ listId, seed }: LeasedBlock): Permutation {
    const permutation = permutations.get(listId) ?? createPermutation(seed)
    permutations.set(listId, permutation)
    return permutation
  }

  async function lease(holder: BlockHolder, terms: ListTerms, count: number) {
    const block = await leaseBlock(holder, terms, count, database)
    if (block) {
      metrics.statusBlocks.add({})
      return { ...block, permutation: permutationOf(block) }
    }
    await changes.sync()
    throw new OutdatedHolder()
  }

  return {
    async take(holder, ttlSeconds) {
      const terms = listTerms(ttlSeconds)
      const key = `${holderKey(holder)} ${terms.class}`
      const supply = supplies.get(key) ?? createSupply((count) => lease(holder, terms, count), now)
      supplies.set(key, supply)
      const entry = await supply.take()
      metrics.statusEntries.add({})
      return entry
    },
  }
}
