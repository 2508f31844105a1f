import { createPrivateKey } from 'node:crypto'
import type { FastifyInstance } from 'fastify'
import type { Config } from '../../config.js'
import type { Database } from '../../database/index.js'
import { ServiceError } from '../../errors.js'
import { recordEvent } from '../../events/store.js'
import { repeat } from '../../repeat.js'
import { untilDone } from '../../until-done.js'
import { toPem } from './generate.js'
import { type JwtKey, type PublicJwk, ringKey, sharedSecretKey, verifyingKey } from './jwt.js'
import { isSpent, signingKey } from './lifecycle.js'
import { sealingKey } from './seal.js'
import {
  listKeys,
  openPrivateKey,
  type RotationPlan,
  raiseTokenTtl,
  resealKeys,
  retireKey,
  rotateKeys,
  type SealingKeys,
  type StoredKey,
} from './store.js'

/** The keys that sign access tokens and that verify them. */
export interface KeyRing {
  /** Reads the keys, which the first use does otherwise. @throws StartupError when they cannot be decrypted */
  open(): Promise<void>
  /** The key that signs now. @throws ServiceError `service_unavailable` when there is none, for the moment */
  signer(): Promise<JwtKey>
  /** The key that a token's header names, or null. */
  find(kid: unknown): Promise<JwtKey | null>
  /** What verifiers elsewhere need; nothing where a shared secret signs. */
  publicJwks(): Promise<PublicJwk[]>
}

/** A token with an unknown `kid` makes the ring look for new keys, but not more often than this. */
const lookAgainMs = 5_000
const longestRefreshMs = 10_000

/** The one key of a deployment with JWT_SECRET. */
export async function openSharedSecret(jwtSecret: string): Promise<KeyRing> {
  const key = await sharedSecretKey(jwtSecret)
  return { open: async () => {}, signer: async () => key, find: async () => key, publicJwks: async () => [] }
}

/**
 * The keys in the database, followed for as long as the service runs: what another replica or the command line does
 * to them shows here within the refresh interval. It also rotates them when the time has come. Until the database can
 * be reached for the first time, whatever needs a key fails as queries do.
 */
export function followKeyRing(app: FastifyInstance, config: Config): KeyRing {
  const { database } = app
  const plan = rotationPlan(config)
  const sealingKeys = sealingKeysOf(config)
  let keys: RingEntry[] = []
  let isOpen = false
  let refreshedAt = 0
  let refreshing: Promise<void> | undefined

  async function refresh(): Promise<void> {
    const stored = (await listKeys(database)).filter(({ retiredAt }) => retiredAt === null)
    const known = new Map(keys.map((entry) => [entry.kid, entry]))
    keys = await Promise.all(
      stored.map(async (key) => ({
        ...(known.get(key.kid) ?? (await openEntry(key))),
        ...key,
      })),
    )
  }

  /** A key that another replica sealed under a secret which is not known here verifies all the same. */
  async function openEntry(key: StoredKey): Promise<RingEntry> {
    try {
      return { ...key, canSign: true, jwt: await openKey(key, sealingKeys) }
    } catch (error) {
      if (!isOpen) throw error
      app.log.error({ kid: key.kid, reason: (error as Error).message }, 'a key cannot sign here')
      return { ...key, canSign: false, jwt: await verifyingKey(key.kid, key.algorithm, toPem(key.publicJwk)) }
    }
  }

  async function lookAgain(): Promise<void> {
    if (Date.now() - refreshedAt < lookAgainMs) return refreshing
    refreshedAt = Date.now()
    refreshing = refresh().catch((error: Error) =>
      app.log.warn({ reason: error.message }, 'looking for new keys failed'),
    )
    return refreshing
  }

  const open = untilDone(async function openKeys() {
    await prepareKeys(database, plan, sealingKeys)
    await refresh()
    isOpen = true
  })
  repeat(app, 'following the keys', refreshMs(config), async function followKeys() {
    await open()
    if (await rotateKeys(database, plan, sealingKeys[0])) await recordEvent(rotation, database)
    await raiseTokenTtl(database, plan.tokenTtlSeconds)
    await retireSpentKeys(database, keys)
    await refresh()
  })

  return {
    open,
    async signer() {
      await open()
      const able = keys.filter(({ canSign }) => canSign)
      const key = signingKey(able, new Date())
      if (!key) throw new ServiceError('service_unavailable')
      return key.jwt
    },
    async find(kid) {
      await open()
      if (!keys.some((key) => key.kid === kid)) await lookAgain()
      return keys.find((key) => key.kid === kid)?.jwt ?? null
    },
    async publicJwks() {
      await open()
      return keys.map(({ publicJwk }) => publicJwk)
    },
  }
}

/** A rotation whose time has come: nobody asked for it. */
const rotation = {
  action: 'keys_rotated',
  outcome: 'ok',
  ...{ actor: null, subject: null, userId: null, address: null, requestId: null },
} as const

/** What the configuration says of rotation. */
export function rotationPlan(config: Config): RotationPlan {
  return {
    algorithm: config.signingAlgorithm,
    rotationSeconds: config.keyRotationSeconds,
    // Other replicas publish a key only once they have seen it, and caches may have fetched just before.
    leadSeconds: config.jwksMaxAgeSeconds + (2 * refreshMs(config)) / 1000,
    tokenTtlSeconds: config.accessTokenTtlSeconds,
  }
}

/** The keys that the configuration's secrets make. */
export function sealingKeysOf(config: Config): SealingKeys {
  const { keyEncryptionSecret: current, keyEncryptionSecretPrevious: previous } = config
  return previous ? [sealingKey(current), sealingKey(previous)] : [sealingKey(current)]
}

interface RingEntry extends StoredKey {
  canSign: boolean
  jwt: JwtKey
}

function refreshMs({ jwksMaxAgeSeconds }: Config): number {
  return Math.min(longestRefreshMs, jwksMaxAgeSeconds * 500)
}

/** Leaves at least one key, of the algorithm asked for; where that is another one than before, it takes over in time. */
async function prepareKeys(database: Database, plan: RotationPlan, sealingKeys: SealingKeys): Promise<void> {
  await resealKeys(database, sealingKeys)
  await raiseTokenTtl(database, plan.tokenTtlSeconds)
  await rotateKeys(database, plan, sealingKeys[0], (keys) => {
    const newest = keys.filter(({ retiredAt }) => retiredAt === null).at(-1)
    return newest?.algorithm !== plan.algorithm
  })
}

async function retireSpentKeys(database: Database, keys: RingEntry[]): Promise<void> {
  const spent = keys.filter((key) => isSpent(key, keys, new Date()))
  for (const { kid } of spent) await retireKey(database, kid)
}

function openKey(key: StoredKey, sealingKeys: SealingKeys): Promise<JwtKey> {
  const privateKey = createPrivateKey({
    key: openPrivateKey(key, sealingKeys),
    format: 'der',
    type: 'pkcs8',
  })
  return ringKey(key.kid, key.algorithm, {
    private: String(privateKey.export({ format: 'pem', type: 'pkcs8' })),
    public: toPem(key.publicJwk),
  })
}
