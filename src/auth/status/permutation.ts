import { createHash } from 'node:crypto'

/** Number of entries of a status list. */
export const listSize = 2 ** 20

const halfBits = 10
const halfSize = 2 ** halfBits
const rounds = 8

/** A bijection between the ordinals of a status list, which count up, and its indices, which tokens name. */
export interface Permutation {
  indexOf(ordinal: number): number
  ordinalOf(index: number): number
}

/**
 * Creates the permutation of a list: a Feistel network of eight rounds, whose round functions are random tables. An index
 * does not tell how many tokens were issued before (draft-ietf-oauth-status-list §12.5).
 *
 * @param seed 32 secret bytes
 */
export function createPermutation(seed: Uint8Array): Permutation {
  const tables = createTables(seed)

  return {
    indexOf(ordinal) {
      let left = ordinal >> halfBits
      let right = ordinal % halfSize
      for (const table of tables) [left, right] = [right, left ^ Number(table[right])]
      return left * halfSize + right
    },
    ordinalOf(index) {
      let left = index >> halfBits
      let right = index % halfSize
      for (const table of tables.toReversed()) [left, right] = [right ^ Number(table[left]), left]
      return left * halfSize + right
    },
  }
}

/** Returns a table of 1,024 random halves for each round. */
function createTables(seed: Uint8Array): Uint16Array[] {
  const outputLength = rounds * halfSize * 2
  const random = createHash('shake256', { outputLength }).update(seed).digest()
  return Array.from({ length: rounds }, (_, round) =>
    Uint16Array.from(
      { length: halfSize },
      (_, half) => random.readUInt16LE(2 * (round * halfSize + half)) % halfSize,
    ),
  )
}
