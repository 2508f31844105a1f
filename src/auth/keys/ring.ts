import { createPrivateKey } from 'node:crypto'
import type { FastifyInstance } from 'fastify'
import type { Config } from '../../config.js'
import type { Database } from '../../database/index.js'
import { repeat } from '../../repeat.js'
import { toPem } from './generate.js'
import { type JwtKey, type PublicJwk, ringKey, sharedSecretKey } from './jwt.js'
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
  /** The key that signs now. */
  signer(): JwtKey
  /** The key that a token's header names, or null. */
  find(kid: unknown): Promise<JwtKey | null>
  /** What verifiers elsewhere need; nothing where a shared secret signs. */
  publicJwks(): PublicJwk[]
}

/** A token with an unknown `kid` makes the ring look for new keys, but not more often than this. */
const lookAgainMs = 5_000
const longestRefreshMs = 10_000

/** The one key of a deployment with JWT_SECRET. */
export async function openSharedSecret(jwtSecret: string): Promise<KeyRing> {
  const key = await sharedSecretKey(jwtSecret)
  return { signer: () => key, find: async () => key, publicJwks: () => [] }
}

/**
 * The keys in the database, followed for as long as the service runs: what another replica or the command line does
 * to them shows here within the refresh interval. It also rotates them when the time has come.
 *
 * @throws StartupError when the keys cannot be decrypted
 */
export async function openKeyRing(app: FastifyInstance, config: Config): Promise<KeyRing> {
  const { database } = app
  const plan = rotationPlan(config)
  const sealingKeys = sealingKeysOf(config)
  let keys: RingEntry[] = []
  let refreshedAt = 0
  let refreshing: Promise<void> | undefined

  async function refresh(): Promise<void> {
    const stored = (await listKeys(database)).filter(({ retiredAt }) => retiredAt === null)
    const known = new Map(keys.map((entry) => [entry.kid, entry]))
    keys = await Promise.all(
      stored.map(async (key) => ({
        ...key,
        jwt: known.get(key.kid)?.jwt ?? (await openKey(key, sealingKeys)),
      })),
    )
  }

  async function lookAgain(): Promise<void> {
    if (Date.now() - refreshedAt < lookAgainMs) return refreshing
    refreshedAt = Date.now()
    refreshing = refresh().catch((error: Error) =>
      app.log.warn({ reason: error.message }, 'looking for new keys failed'),
    )
    return refreshing
  }

  await prepareKeys(database, plan, sealingKeys)
  await refresh()
  repeat(app, 'following the keys', refreshMs(config), async function followKeys() {
    await rotateKeys(database, plan, sealingKeys[0])
    await retireSpentKeys(database, keys)
    await refresh()
  })

  return {
    signer() {
      return (signingKey(keys, new Date()) as RingEntry).jwt
    },
    async find(kid) {
      if (!keys.some((key) => key.kid === kid)) await lookAgain()
      return keys.find((key) => key.kid === kid)?.jwt ?? null
    },
    publicJwks() {
      return keys.map(({ publicJwk }) => publicJwk)
    },
  }
}

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
