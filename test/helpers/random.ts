/** Creates a generator of numbers from 0 to below 1, which the seed alone determines (mulberry32). */
export function createRandom(seed: number): () => number {
  let state = seed >>> 0
  return function next() {
    state = (state + 0x6d2b79f5) >>> 0
    let mixed = Math.imul(state ^ (state >>> 15), state | 1)
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32
  }
}

/** Chooses one of the values. */
export function chooseFrom<T>(values: readonly [T, ...T[]] | readonly T[], random: () => number): T {
  return values[Math.floor(random() * values.length)] as T
}
