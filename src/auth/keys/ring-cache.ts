import { createPrivateKey, type KeyObject } from 'node:crypto'
import type { FastifyInstance } from 'fastify'
import { waitUntilFresh } from '../../database/changes/wait.js'
import { readClock } from '../../database/clock.js'
import { Unavailable } from '../../errors.js'
import { reasonOf } from '../../lifecycle/reason.js'
import { isExposed, type SealingKeys } from '../../sealing/sealing-keys.js'
import { toPem } from './generate.js'
import { type JwtKey, ringKey } from './jwt.js'
import { listKeys, openPrivateKey, type StoredKey } from './key-store.js'

/** Maximum age of the keys in memory while changes of keys are not announced (milliseconds). */
export const freshnessWindowMs = 100

/** A live key in memory. */
interface RingEntry extends StoredKey {
  canSign: boolean
  jwt: JwtKey
}

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

interface Snapshot {
  keys: ReadonlyMap<unknown, RingEntry>
  /** Number of changes that had been announced before the read. */
  announcements: number
  /** Time of the read by `performance.now()`, which is not affected by changes of the system clock. */
  readAt: number
  /** Time of the database's clock minus `performance.now()` (milliseconds). */
  clockOffsetMs: number
}

const emptySnapshot: Snapshot = {
  keys: new Map(),
  announcements: -1,
  readAt: Number.NEGATIVE_INFINITY,
  clockOffsetMs: 0,
}

/** Creates the cache. An announced change of a key, made by another replica or the command line, has it read again. */
export function createRingCache(
  app: Pick<FastifyInstance, 'changes' | 'database' | 'log' | 'outage'>,
  sealingKeys: SealingKeys,
): RingCache {
  const { changes, database, log, outage } = app
  const [current] = sealingKeys
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
    const announcementsBefore = announcements
    const readAt = performance.now()
    const [stored, clock] = await Promise.all([listKeys(database), readClock(database)])
    const clockOffsetMs = clock.getTime() - performance.now()
    const usable = stored.filter((key) => key.retiredAt === null && !isExposed(key, current))
    const entries = await Promise.all(usable.map(refreshEntry))
    const keys = new Map(entries.map((entry) => [entry.kid, entry]))
    snapshot = { keys, announcements: announcementsBefore, readAt, clockOffsetMs }
  }

  async function refreshEntry(key: StoredKey): Promise<RingEntry> {
    return { ...(snapshot.keys.get(key.kid) ?? (await openEntry(key))), ...key }
  }

  /** Opens a key. After the first read, one that another replica has sealed under an unknown secret only verifies. */
  async function openEntry(key: StoredKey): Promise<RingEntry> {
    try {
      return { ...key, canSign: true, jwt: await toJwtKey(key, openKey(key, sealingKeys)) }
    } catch (error) {
      if (snapshot === emptySnapshot) throw error
      log.error({ kid: key.kid, reason: (error as Error).message }, 'a key cannot sign here')
      return { ...key, canSign: false, jwt: await toJwtKey(key, null) }
    }
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

function openKey(key: StoredKey, sealingKeys: SealingKeys): KeyObject {
  return createPrivateKey({ key: openPrivateKey(key, sealingKeys), format: 'der', type: 'pkcs8' })
}

function toJwtKey({ kid, algorithm, publicJwk }: StoredKey, privateKey: KeyObject | null): Promise<JwtKey> {
  return ringKey(kid, algorithm, toPem(publicJwk), privateKey)
}
