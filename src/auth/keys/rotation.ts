import type { Config } from '../../config/index.js'
import type { Database, Transaction } from '../../database/client.js'
import { readClock } from '../../database/clock.js'
import { within } from '../../database/query.js'
import type { SealingKey } from '../../sealing/seal.js'
import { isExposed } from '../../sealing/sealing-keys.js'
import { generateRingKey } from './generate.js'
import type { RingAlgorithm } from './jwt.js'
import { insertKey, listKeys, retireKey, type StoredKey, withKeysLock } from './key-store.js'
import { isRotationDue } from './lifecycle.js'

/** Maximum time between two reads of the keys by a replica (milliseconds). */
const maxRefreshIntervalMs = 10_000

/** Settings that decide when keys rotate. */
export type RotationConfig = Pick<
  Config,
  'signingAlgorithm' | 'keyRotationSeconds' | 'jwksMaxAgeSeconds' | 'accessTokenTtlSeconds'
>

/** Schedule of the rotation of keys. */
export interface RotationPlan {
  algorithm: RingAlgorithm
  /** Age at which the newest key is replaced. */
  rotationSeconds: number
  /** Time for which a new key is published before it signs. */
  leadSeconds: number
  /** Lifetime of access tokens. */
  tokenTtlSeconds: number
}

/** Returns the rotation plan of a deployment. */
export function rotationPlan(config: RotationConfig): RotationPlan {
  return {
    algorithm: config.signingAlgorithm,
    rotationSeconds: config.keyRotationSeconds,
    // Other replicas publish a key once they have read it, and HTTP caches may have fetched the key set just before.
    leadSeconds: config.jwksMaxAgeSeconds + (2 * refreshIntervalMs(config)) / 1000,
    tokenTtlSeconds: config.accessTokenTtlSeconds,
  }
}

/** Returns the time between two reads of the keys: half the lifetime of a cached key set, at most 10 seconds. */
export function refreshIntervalMs({ jwksMaxAgeSeconds }: RotationConfig): number {
  return Math.min(maxRefreshIntervalMs, jwksMaxAgeSeconds * 500)
}

/** Whether a new key is due, given the keys and the time by the clock of the database. */
type IsDue = (keys: StoredKey[], now: Date) => boolean

/** Publishes a new key like `rotateKeys`, but looks first whether one is due, without locking the keys. */
export async function rotateWhenDue(
  database: Database,
  plan: RotationPlan,
  current: SealingKey,
  isDue: IsDue = (keys, now) => isRotationDue(keys, plan, now),
): Promise<{ kid: string; signsAt: Date } | null> {
  if (!isDue(await listKeys(database), await readClock(database))) return null
  return rotateKeys(database, plan, current, isDue)
}

/**
 * Publishes a new key when one is due. The first key of a ring signs at once, any other after the lead time. If several
 * replicas find a key due at the same time, one of them creates it.
 *
 * @param isDue decides while no other process can change the keys
 * @returns the new key, or null when none was due
 */
export async function rotateKeys(
  database: Transaction,
  plan: RotationPlan,
  current: SealingKey,
  isDue: IsDue,
): Promise<{ kid: string; signsAt: Date } | null> {
  // Generated before the lock is taken, as an RSA key takes a while.
  const generated = await generateRingKey(plan.algorithm)
  return withKeysLock(database, async (transaction) => {
    const keys = await listKeys(within(transaction))
    if (!isDue(keys, await readClock(within(transaction)))) return null
    const isFirst = keys.every(({ retiredAt }) => retiredAt !== null)
    return insertKey(generated, isFirst ? { ...plan, leadSeconds: 0 } : plan, current, transaction)
  })
}

/**
 * Replaces the keys that are sealed under a published secret, as others may sign with them. They are retired, and a new
 * key signs at once.
 *
 * @returns the ids of the retired keys
 */
export async function replaceExposedKeys(
  database: Database,
  plan: RotationPlan,
  current: SealingKey,
): Promise<string[]> {
  const isLiveAndExposed = (key: StoredKey) => key.retiredAt === null && isExposed(key, current)
  if (!(await listKeys(database)).some(isLiveAndExposed)) return []
  const generated = await generateRingKey(plan.algorithm)
  return withKeysLock(database, async (transaction) => {
    const exposed = (await listKeys(within(transaction))).filter(isLiveAndExposed)
    if (exposed.length > 0) await insertKey(generated, { ...plan, leadSeconds: 0 }, current, transaction)
    for (const { kid } of exposed) await retireKey(transaction, kid)
    return exposed.map(({ kid }) => kid)
  })
}
