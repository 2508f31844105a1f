import { setImmediate as nextTurn } from 'node:timers/promises'

/** Waits for the next turn of the event loop once enough work has been done since the last wait. */
export type Pace = (work: number) => Promise<void>

/**
 * Creates a function with which a long loop lets other requests proceed: call it in every iteration.
 *
 * @param slice work per turn of the event loop, in the unit that the loop counts
 */
export function createPace(slice: number): Pace {
  let done = 0
  return async function pace(work) {
    done += work
    if (done < slice) return
    done = 0
    await nextTurn()
  }
}
