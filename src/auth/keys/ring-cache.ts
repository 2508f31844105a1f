import type { FastifyInstance } from 'fastify'
import { waitUntilFresh } from '../../database/changes/wait.js'
import { Unavailable } from '../../errors.js'
import { reasonOf } from '../../lifecycle/reason.js'
import type { SealingKeys } from '../../sealing/sealing-keys.js'
import { emptySnapshot, type RingEntry, readSnapshot } from './ring-snapshot.js'

/** Maximum age of the keys in memory while changes of keys are not announced (milliseconds). */
export const freshnessWindowMs = 100

/** The live keys of the database, kept in memory. */
export interface RingCache {
  /** Returns the keys as they were read last, by their ids. */
  keys(): ReadonlyMap<unknown, RingEntry>
  /** Returns the current time of the database, extrapolated from the last read. */
  databaseTime(): Date
  /** Returns the time of the last read (`performance.now()`). */
  readAt(): number
  /**
   * Reads the keys again. Calls made during a read share its result (single flight).
   *
   * @throws OperatorError when the first read finds a key that cannot be decrypted
   */
  refresh(): Promise<void>
  /**
   * Resolves when the keys in memory are as current as the database was at a time, or later.
   *
   * @param since by the clock of `performance.now()`
   * @throws ServiceError `service_unavailable` when the keys cannot be read
   */
  requireFresh(since: number): Promise<void>
}

/** Creates the cache. An announced change of a key, made by another replica or the command line, has it read again. */
export function createRingCache(
  app: Pick<FastifyInstance, 'changes' | 'database' | 'log' | 'outage'>,
  sealingKeys: SealingKeys,
): RingCache {
  const { changes, log, outage } = app
  let snapshot = emptySnapshot
  let announcements = 0
  let reading: Promise<void> | undefined

  changes.subscribe(function invalidate(change) {
    const isAboutKeys = change?.startsWith('key:')
    if (change !== null && !isAboutKeys) return
    announcements += 1
    if (snapshot !== emptySnapshot && isAboutKeys) catchUp().catch(logFailure)
  })

  async function catchUp(): Promise<void> {
    while (snapshot.announcements !== announcements) await refresh()
  }

  function refresh(): Promise<void> {
    reading ??= read().finally(() => {
      reading = undefined
    })
    return reading
  }

  async function read(): Promise<void> {
    snapshot = await readSnapshot(snapshot, announcements, app, sealingKeys)
  }

  /** Returns whether the snapshot has every change made before `since`: none was announced, and none can have been missed. */
  function isFresh(since: number): boolean {
    // Asked even if the answer is known, as asking is what keeps the feed fresh.
    const isFeedFresh = changes.isFresh()
    return snapshot.announcements === announcements && (isFeedFresh || snapshot.readAt >= since)
  }

  function logFailure(error: Error): void {
    if (!outage.note(error)) log.warn({ reason: reasonOf(error) }, 'reading the keys failed')
  }

  return {
    keys: () => snapshot.keys,
    databaseTime: () => new Date(snapshot.clockOffsetMs + performance.now()),
    readAt: () => snapshot.readAt,
    refresh,
    async requireFresh(since) {
      // A heartbeat costs less than a read of the keys.
      if (!isFresh(since)) await waitUntilFresh(changes)
      while (!isFresh(since))
        await refresh().catch((error: Error) => {
          logFailure(error)
          throw new Unavailable('keys')
        })
    },
  }
}
