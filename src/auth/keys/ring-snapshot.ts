import { createPrivateKey, type KeyObject } from 'node:crypto'
import type { FastifyInstance } from 'fastify'
import { readClock } from '../../database/clock.js'
import { isExposed, type SealingKeys } from '../../sealing/sealing-keys.js'
import { toPem } from './generate.js'
import { type JwtKey, ringKey } from './jwt.js'
import { listKeys, openPrivateKey, type StoredKey } from './key-store.js'

/** A live key in memory. */
export interface RingEntry extends StoredKey {
  canSign: boolean
  jwt: JwtKey
}

/** The live keys of the database at one moment. */
export interface RingSnapshot {
  /** The keys by their ids. */
  keys: ReadonlyMap<unknown, RingEntry>
  /** Number of changes that had been announced before the read. */
  announcements: number
  /** Time of the read by `performance.now()`, which is not affected by changes of the system clock. */
  readAt: number
  /** Time of the database's clock minus `performance.now()` (milliseconds). */
  clockOffsetMs: number
}

/** The snapshot before the first read. */
export const emptySnapshot: RingSnapshot = {
  keys: new Map(),
  announcements: -1,
  readAt: Number.NEGATIVE_INFINITY,
  clockOffsetMs: 0,
}

type ReadContext = Pick<FastifyInstance, 'database' | 'log'>

/**
 * Reads the live keys. Those that the last snapshot has are not decrypted again.
 *
 * @param announcements number of changes that have been announced so far
 * @throws OperatorError when the first read finds a key that cannot be decrypted
 */
export async function readSnapshot(
  last: RingSnapshot,
  announcements: number,
  context: ReadContext,
  sealingKeys: SealingKeys,
): Promise<RingSnapshot> {
  const { database } = context
  const [current] = sealingKeys
  const readAt = performance.now()
  const [stored, clock] = await Promise.all([listKeys(database), readClock(database)])
  const clockOffsetMs = clock.getTime() - performance.now()
  const usable = stored.filter((key) => key.retiredAt === null && !isExposed(key, current))
  const entries = await Promise.all(
    usable.map(async (key) => ({
      ...(last.keys.get(key.kid) ?? (await openEntry(key, last, context, sealingKeys))),
      ...key,
    })),
  )
  const keys = new Map(entries.map((entry) => [entry.kid, entry]))
  return { keys, announcements, readAt, clockOffsetMs }
}

/** Opens a key. After the first read, one that another replica has sealed under an unknown secret only verifies. */
async function openEntry(
  key: StoredKey,
  last: RingSnapshot,
  { log }: ReadContext,
  sealingKeys: SealingKeys,
): Promise<RingEntry> {
  try {
    return { ...key, canSign: true, jwt: await toJwtKey(key, openKey(key, sealingKeys)) }
  } catch (error) {
    if (last === emptySnapshot) throw error
    log.error({ kid: key.kid, reason: (error as Error).message }, 'a key cannot sign here')
    return { ...key, canSign: false, jwt: await toJwtKey(key, null) }
  }
}

function openKey(key: StoredKey, sealingKeys: SealingKeys): KeyObject {
  return createPrivateKey({ key: openPrivateKey(key, sealingKeys), format: 'der', type: 'pkcs8' })
}

function toJwtKey({ kid, algorithm, publicJwk }: StoredKey, privateKey: KeyObject | null): Promise<JwtKey> {
  return ringKey(kid, algorithm, toPem(publicJwk), privateKey)
}
