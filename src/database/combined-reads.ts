import DataLoader from 'dataloader'
import { createWaitingSpans } from '../tracing/waiting-spans.js'

/** A kind of read that can be done for several requests at once. */
export interface CombinedRead<Wanted, Found> {
  /** Name of its spans. */
  name: string
  /** Returns equal keys for equal reads. */
  keyOf(wanted: Wanted): string
  /** Returns what was found, or a promise of it, in the order in which it was wanted. */
  read(wanted: readonly Wanted[]): Promise<(Found | PromiseLike<Found>)[]>
  /** Maximum number of different reads that are done together, 50 by default. */
  maxBatchSize?: number
}

/**
 * Creates a function that combines the reads which are requested in one turn of the event loop, and does equal ones once. A
 * request during a read starts another read, so each result was read after it was requested.
 */
export function combineReads<Wanted, Found>({
  name,
  keyOf,
  read,
  maxBatchSize = 50,
}: CombinedRead<Wanted, Found>): (wanted: Wanted) => Promise<Found> {
  const waiting = createWaitingSpans(keyOf)
  const describe = () => ({ name })
  const loader = new DataLoader<Wanted, Found | PromiseLike<Found>, string>(
    function readTogether(wanted) {
      loader.clearAll()
      return waiting.run(wanted, describe, () => read(wanted))
    },
    { cacheKeyFn: keyOf, batchScheduleFn: setImmediate, maxBatchSize },
  )
  return async function load(wanted) {
    waiting.add(wanted)
    return loader.load(wanted)
  }
}
