import { setTimeout as delay } from 'node:timers/promises'
import type { ChangeFeed } from './index.js'

/** Maximum wait (milliseconds). A feed that is still stale then is slow or about to be lost. */
const maxWaitMs = 100

/** Waits for a stale feed, which takes one heartbeat for all callers. Returns whether it is fresh then. */
export async function waitUntilFresh(changes: Pick<ChangeFeed, 'freshen' | 'isFresh'>): Promise<boolean> {
  await Promise.race([changes.freshen(), delay(maxWaitMs, undefined, { ref: false })])
  return changes.isFresh()
}
