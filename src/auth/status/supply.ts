import type { LeasedBlock } from '../store/status-blocks.js'
import type { Permutation } from './permutation.js'

/** Limits of the number of entries in a block. */
const blockSize = { least: 32, most: 4_096 }
/** Time for which a block should last (seconds). */
const blockSeconds = 10
/** Time after its list has closed for which a block can be used, while the next one is leased (seconds). */
export const overlapSeconds = 60

/** An entry of a status list that no other token has. */
export interface StatusEntry {
  listId: string
  ordinal: number
  /** What the token names. */
  index: number
}

type BlockOfList = LeasedBlock & { permutation: Permutation }

/** Leases a block of some entries. @throws Error when no block can be leased */
export type Lease = (count: number) => Promise<BlockOfList>

/** A block in use. */
interface Block {
  listId: string
  permutation: Permutation
  next: number
  half: number
  end: number
  /** Times by the clock of the supply (milliseconds): when the list closes, and when the block cannot be used any longer. */
  closesAt: number
  endsAt: number
}

/**
 * Creates a supply of entries. A new block is leased in the background when half of the last one is used, or its list has closed;
 * calls wait only while there is no entry left. A block has as many entries as were taken in ten seconds at the last rate.
 *
 * @param now monotonic clock (milliseconds)
 */
export function createSupply(lease: Lease, now: () => number): { take(): Promise<StatusEntry> } {
  let blocks: Block[] = []
  let leasing: Promise<void> | undefined
  let lastLease = { at: now(), taken: 0 }
  let taken = 0

  /** Returns the number of entries for the next block. */
  function chooseCount(): number {
    const seconds = Math.max((now() - lastLease.at) / 1_000, 0.001)
    const count = Math.ceil(((taken - lastLease.taken) / seconds) * blockSeconds)
    return Math.min(Math.max(count, blockSize.least), blockSize.most)
  }

  async function leaseNext(): Promise<void> {
    const count = chooseCount()
    const calledAt = now()
    lastLease = { at: calledAt, taken }
    const leased = await lease(count)
    blocks.push(toBlock(leased, count, calledAt))
  }

  /** Leases one block at a time (single flight). */
  function renew(): Promise<void> {
    leasing ??= leaseNext().finally(() => {
      leasing = undefined
    })
    return leasing
  }

  function findBlock(): Block | undefined {
    blocks = blocks.filter(({ next, end, endsAt }) => next < end && now() < endsAt)
    return blocks[0]
  }

  function isRunningOut({ next, half, closesAt }: Block): boolean {
    return blocks.length === 1 && (next >= half || now() >= closesAt)
  }

  return {
    async take() {
      for (;;) {
        const block = findBlock()
        if (!block) {
          await renew()
          continue
        }
        const ordinal = block.next++
        taken += 1
        // The next call that finds no entry leases again, and reports the failure.
        if (isRunningOut(block)) renew().catch(Object)
        return { listId: block.listId, ordinal, index: block.permutation.indexOf(ordinal) }
      }
    },
  }
}

/** @param calledAt time before the lease, so that the block never ends too late (milliseconds) */
function toBlock(
  { listId, permutation, first, openSeconds }: BlockOfList,
  count: number,
  calledAt: number,
): Block {
  return {
    listId,
    permutation,
    next: first,
    half: first + count / 2,
    end: first + count,
    closesAt: calledAt + openSeconds * 1_000,
    endsAt: calledAt + (openSeconds + overlapSeconds) * 1_000,
  }
}
