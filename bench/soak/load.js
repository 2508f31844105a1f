import { setTimeout as delay } from 'node:timers/promises'

/** Number of connections of the closed loop. */
const connections = 32
/** Maximum number of requests under way in the open loop. What would be more is shed. */
const maxUnderWay = 512
const tickMs = 5

/**
 * @typedef {{ name: string, weight: number, run: (dueAt: number) => Promise<void> }} Operation `dueAt` is by `performance.now()`
 *
 * @typedef {object} Outcome
 * @property {number} rate of the operations (1/s)
 * @property {number} offered number of operations that were due
 * @property {number} shed those of them that were not begun
 * @property {number} mostUnderWay
 * @property {number} latestMs how late the latest operation began
 */

/**
 * Returns a function that chooses operations in turn, in proportion to their weights and evenly spread.
 *
 * @param {Operation[]} operations
 */
export function createDeck(operations) {
  const total = operations.reduce((sum, { weight }) => sum + weight, 0)
  const hands = operations.map((operation) => ({ operation, credit: 0 }))
  return function draw() {
    for (const hand of hands) hand.credit += hand.operation.weight
    const chosen = hands.reduce((most, hand) => (hand.credit > most.credit ? hand : most))
    chosen.credit -= total
    return chosen.operation
  }
}

/**
 * Measures how many operations are done per second if each connection begins the next one after the last.
 *
 * @param {() => Operation} draw
 * @param {number} seconds
 */
export async function measureCapacity(draw, seconds) {
  const began = performance.now()
  let done = 0
  async function keepBusy() {
    while (performance.now() - began < seconds * 1000) {
      await draw().run(performance.now())
      done += 1
    }
  }
  await Promise.all(Array.from({ length: connections }, keepBusy))
  return done / ((performance.now() - began) / 1000)
}

/**
 * Begins operations at a constant rate, however long they take. Those that find too many under way are shed.
 *
 * @param {() => Operation} draw
 * @param {{ rate: number, seconds: number }} load
 * @returns {Promise<Outcome>}
 */
export async function applyLoad(draw, { rate, seconds }) {
  const began = performance.now()
  /** @type {Set<Promise<void>>} */
  const underWay = new Set()
  const outcome = { rate, offered: 0, shed: 0, mostUnderWay: 0, latestMs: 0 }
  for (let elapsed = 0; elapsed < seconds; elapsed = (performance.now() - began) / 1000) {
    for (; outcome.offered < elapsed * rate; outcome.offered++) {
      if (underWay.size >= maxUnderWay) {
        outcome.shed += 1
        continue
      }
      const dueAt = began + (outcome.offered / rate) * 1000
      outcome.latestMs = Math.max(outcome.latestMs, performance.now() - dueAt)
      const running = draw()
        .run(dueAt)
        .finally(() => underWay.delete(running))
      underWay.add(running)
      outcome.mostUnderWay = Math.max(outcome.mostUnderWay, underWay.size)
    }
    await delay(tickMs)
  }
  await Promise.all(underWay)
  return { ...outcome, latestMs: Math.round(outcome.latestMs) }
}
