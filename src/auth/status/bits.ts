import { setImmediate as nextTurn } from 'node:timers/promises'
import type { QueryTarget } from '../../database/query.js'
import { beginning, type LiveList, readRevocations } from '../store/status-reading.js'
import { createFollower, type Follower } from './follower.js'
import { createPermutation, listSize } from './permutation.js'

/** The bits of one list in memory (128 KiB), which follow the revocations in the database. */
export interface ListBits extends Follower {
  /** Returns the number of revoked entries. It only rises, so it tells two states of the bits apart. */
  revoked(): number
  /** Returns a copy of the bits (draft-ietf-oauth-status-list §4.1), which does not change. */
  copy(): Buffer
}

/** Number of entries that are set in one turn of the event loop, which takes a few milliseconds. */
const entriesPerTurn = 16_384
/** Length of a range of ordinals (bytes): the first one, and their number. */
const rangeLength = 8

/** Creates the bits of a list. The first call of `catchUp` reads all its revocations, later ones those that were added. */
export function followBits({ id, seed }: LiveList, database: QueryTarget): ListBits {
  const bits = Buffer.alloc(listSize / 8)
  const { indexOf } = createPermutation(seed)
  let horizon = beginning
  let revoked = 0

  function set(index: number): void {
    const byte = bits[index >> 3] as number
    const withBit = byte | (1 << (index & 7))
    if (withBit !== byte) revoked += 1
    bits[index >> 3] = withBit
  }

  const follower = createFollower(async function readAdded() {
    const added = await readRevocations(id, horizon, database)
    let entries = 0
    for (const ordinal of ordinalsOf(added.ranges)) {
      set(indexOf(ordinal))
      entries += 1
      if (entries % entriesPerTurn === 0) await nextTurn()
    }
    horizon = added.horizon
  })

  return { ...follower, revoked: () => revoked, copy: () => Buffer.from(bits) }
}

function* ordinalsOf(ranges: Buffer): Generator<number> {
  for (let offset = 0; offset < ranges.length; offset += rangeLength) {
    const first = ranges.readInt32BE(offset)
    const end = first + ranges.readInt32BE(offset + 4)
    for (let ordinal = first; ordinal < end; ordinal++) yield ordinal
  }
}
