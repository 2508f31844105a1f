import type { FastifyInstance } from 'fastify'
import { Unavailable } from '../../errors.js'
import { retryableOnce } from '../../lifecycle/once.js'
import { runPeriodically } from '../../lifecycle/periodic.js'
import { type EncryptionSecrets, sealingKeysOf } from '../../sealing/sealing-keys.js'
import { type JwtKey, type PublicJwk, sharedSecretKey } from './jwt.js'
import { observeKeys } from './key-metrics.js'
import { signingKey } from './lifecycle.js'
import { maintainKeys, prepareKeys } from './maintenance.js'
import { createRingCache, freshnessWindowMs } from './ring-cache.js'
import { type RotationConfig, refreshIntervalMs, rotationPlan } from './rotation.js'

/** The keys that sign and verify access tokens. */
export interface KeyRing {
  /** Reads the keys. Without a call the first use does it. @throws OperatorError when a key cannot be decrypted */
  open(): Promise<void>
  /** Returns the key that signs now. @throws ServiceError `service_unavailable` when there is none at the moment */
  signer(): Promise<JwtKey>
  /**
   * Returns the key that a token's header names, or null when there is no such key.
   *
   * @throws ServiceError `service_unavailable` when the keys in memory may be outdated and cannot be read
   */
  find(kid: unknown): Promise<JwtKey | null>
  /** Returns the public keys, with which other services verify tokens: none where a shared secret signs. */
  publicJwks(): Promise<PublicJwk[]>
}

/** Settings of the key ring. */
export type KeyRingConfig = RotationConfig & EncryptionSecrets

/** Creates the ring of a deployment with a JWT_SECRET: it has this one key. */
export async function openSharedSecret(jwtSecret: string): Promise<KeyRing> {
  const key = await sharedSecretKey(jwtSecret)
  return { open: async () => {}, signer: async () => key, find: async () => key, publicJwks: async () => [] }
}

/**
 * Creates the ring of the keys in the database, and registers the periodic task that rotates and retires them.
 *
 * A rotation, with the defaults of JWKS_MAX_AGE_SECONDS (300) and KEY_ROTATION_DAYS (30):
 *
 * 1. 320 s before the signing key is 30 days old, one replica stores the next key. It is `published`: part of the JWK Set,
 *    but not signing yet.
 * 2. At 30 days every cached copy of the set contains it. It is `signing` now, and the former key `verifying`.
 * 3. When the last token of the former key has expired, that key is `retired`, and its private half is erased.
 *
 * A key is never reported as unknown while the keys in memory may be outdated: see `RingCache.requireFresh`.
 * docs/decisions/0012-models.md says how this is proved for every order of steps.
 */
export function registerKeyRing(app: FastifyInstance, config: KeyRingConfig): KeyRing {
  const plan = rotationPlan(config)
  const sealingKeys = sealingKeysOf(config)
  const [current] = sealingKeys
  const cache = createRingCache(app, sealingKeys)
  observeKeys(cache, plan, app.metrics)
  const haveSigned = new Set<string>()

  const open = retryableOnce(async function openKeys() {
    await prepareKeys(app, plan, sealingKeys)
    await cache.refresh()
  })

  function unrecordedSigners(): string[] {
    return [...haveSigned].filter((kid) => cache.keys().get(kid)?.signedAt === null)
  }

  async function followKeys(): Promise<void> {
    await open()
    await cache.refresh()
    await maintainKeys(app, plan, current, unrecordedSigners())
  }

  runPeriodically(app, 'following the keys', refreshIntervalMs(config), () => app.outage.unless(followKeys))

  return {
    open,
    async signer() {
      await open()
      await cache.requireFresh(performance.now() - freshnessWindowMs)
      const able = [...cache.keys().values()].filter(({ canSign }) => canSign)
      const key = signingKey(able, cache.databaseTime())
      if (!key) throw new Unavailable('keys')
      haveSigned.add(key.kid)
      return key.jwt
    },
    async find(kid) {
      await open()
      const now = performance.now()
      const isKnown = cache.keys().has(kid)
      await cache.requireFresh(isKnown ? now - freshnessWindowMs : now)
      return cache.keys().get(kid)?.jwt ?? null
    },
    async publicJwks() {
      await open()
      return [...cache.keys().values()].map(({ publicJwk }) => publicJwk)
    },
  }
}
