import { keyStates } from '../../metrics/catalogue/tokens.js'
import type { Metrics } from '../../metrics/index.js'
import { stateOf } from './lifecycle.js'
import type { RingCache } from './ring-cache.js'
import type { RotationPlan } from './rotation.js'

/** Observes the keys in memory. There is nothing to observe before they have been read. */
export function observeKeys(
  cache: Pick<RingCache, 'keys' | 'databaseTime' | 'readAt'>,
  { rotationSeconds }: RotationPlan,
  metrics: Metrics,
): void {
  const list = () => [...cache.keys().values()]

  /** Returns the seconds until the newest key signs or, as it does already, until its successor should. */
  function secondsToNext(): number {
    const now = cache.databaseTime().getTime()
    const newest = Math.max(...list().map(({ signsAt }) => signsAt.getTime()))
    const untilNewest = (newest - now) / 1_000
    return untilNewest > 0 ? untilNewest : untilNewest + rotationSeconds
  }

  const unlessEmpty = (read: () => number) => () => (list().length > 0 ? read() : undefined)

  for (const state of keyStates) {
    const countState = () =>
      list().filter((key) => stateOf(key, list(), cache.databaseTime()) === state).length
    metrics.keys.observe({ state }, unlessEmpty(countState))
  }
  metrics.nextKey.observe({}, unlessEmpty(secondsToNext))
  metrics.sealedKeys.observe(
    {},
    unlessEmpty(() => list().filter(({ canSign }) => !canSign).length),
  )
  metrics.keysAge.observe(
    {},
    unlessEmpty(() => (performance.now() - cache.readAt()) / 1_000),
  )
}
