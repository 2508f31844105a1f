import { createPrivateKey } from 'node:crypto'
import { setTimeout as delay } from 'node:timers/promises'
import type { FastifyInstance } from 'fastify'
import { recordEvent } from '../../audit/event-store.js'
import type { Config } from '../../config/index.js'
import { ServiceError } from '../../errors.js'
import { retryableOnce } from '../../lifecycle/once.js'
import { runPeriodically } from '../../lifecycle/periodic.js'
import { toPem } from './generate.js'
import { type JwtKey, type PublicJwk, ringKey, sharedSecretKey, verifyingKey } from './jwt.js'
import {
  isExposed,
  listKeys,
  noteSignatures,
  openPrivateKey,
  type RotationPlan,
  raiseTokenTtl,
  readClock,
  replaceExposedKeys,
  resealKeys,
  retireSpentKeys,
  rotateKeys,
  type SealingKeys,
  type StoredKey,
} from './key-store.js'
import { signingKey } from './lifecycle.js'
import { type SealingKey, sealingKey } from './seal.js'

/** The keys that sign access tokens and that verify them. */
export interface KeyRing {
  /** Reads the keys, which the first use does otherwise. @throws OperatorError when they cannot be decrypted */
  open(): Promise<void>
  /** The key that signs now. @throws ServiceError `service_unavailable` when there is none, for the moment */
  signer(): Promise<JwtKey>
  /**
   * The key that a token's header names, or null when there is no such key.
   *
   * @throws ServiceError `service_unavailable` when that cannot be found out now
   */
  find(kid: unknown): Promise<JwtKey | null>
  /** What verifiers elsewhere need; nothing where a shared secret signs. */
  publicJwks(): Promise<PublicJwk[]>
}

/** Time for which keys that were read are taken to be current where changes are not announced (milliseconds). */
const freshnessWindowMs = 100
/** Maximum time from one reading of the keys to the next (milliseconds). */
const longestRefreshMs = 10_000

/** The one key of a deployment with JWT_SECRET. */
export async function openSharedSecret(jwtSecret: string): Promise<KeyRing> {
  const key = await sharedSecretKey(jwtSecret)
  return { open: async () => {}, signer: async () => key, find: async () => key, publicJwks: async () => [] }
}

/**
 * The keys in the database, kept in memory: a change of one, by another replica or the command line, is announced and has
 * them read again. The ring also rotates them when the time has come. Until the database can be reached for the first
 * time, whatever needs a key fails as queries do.
 *
 * That there is no key of some name is only said of keys that are known to be current. Where that is not known they are
 * read first, one reading at a time.
 */
export function registerKeyRing(app: FastifyInstance, config: Config): KeyRing {
  const { database, changes } = app
  const plan = rotationPlan(config)
  const sealingKeys = sealingKeysOf(config)
  const [current] = sealingKeys
  let ring = emptyRing
  let isOpen = false
  let announced = 0
  let reading: Promise<void> | undefined
  const haveSigned = new Set<string>()

  changes.subscribe(function readAgain(change) {
    const isAboutKeys = change?.startsWith('key:')
    if (change !== null && !isAboutKeys) return
    announced += 1
    if (isOpen && isAboutKeys) catchUp().catch(logFailure('reading the keys'))
  })

  async function readRing(): Promise<void> {
    const announcedBefore = announced
    const readAt = performance.now()
    const [stored, clock] = await Promise.all([listKeys(database), readClock(database)])
    const clockAhead = clock.getTime() - performance.now()
    const usable = stored.filter((key) => key.retiredAt === null && !isExposed(key, current))
    const entries = await Promise.all(usable.map(refreshEntry))
    ring = {
      keys: new Map(entries.map((entry) => [entry.kid, entry])),
      announced: announcedBefore,
      readAt,
      clockAhead,
    }
  }

  /** Reads the keys again, one reading at a time: a caller that comes during one waits for that. */
  function refresh(): Promise<void> {
    reading ??= readRing().finally(() => {
      reading = undefined
    })
    return reading
  }

  async function catchUp(): Promise<void> {
    while (ring.announced !== announced) await refresh()
  }

  async function refreshEntry(key: StoredKey): Promise<RingEntry> {
    return { ...(ring.keys.get(key.kid) ?? (await openEntry(key))), ...key }
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

  /** Whether the keys in memory are those of the database: no change has been announced, or could have been missed. */
  function isCurrent(since: number): boolean {
    const areCurrent = changes.isFresh()
    return ring.announced === announced && (areCurrent || ring.readAt >= since)
  }

  /**
   * Asks first whether a change has been missed, which a reading would cost more than; only then are the keys read.
   *
   * @throws ServiceError `service_unavailable` when the keys cannot be read
   */
  async function requireCurrent(since: number): Promise<void> {
    if (!isCurrent(since))
      await Promise.race([changes.sync(), delay(freshnessWindowMs, undefined, { ref: false })])
    while (!isCurrent(since))
      await refresh().catch((error: Error) => {
        logFailure('reading the keys')(error)
        throw new ServiceError('service_unavailable')
      })
  }

  function logFailure(what: string) {
    return (error: Error) => app.log.warn({ reason: error.message }, `${what} failed`)
  }

  const open = retryableOnce(async function openKeys() {
    await prepareKeys(app, plan, sealingKeys)
    await refresh()
    isOpen = true
  })

  /** One by one, so that none that fails keeps the others from being done. */
  const duties: [what: string, duty: () => Promise<unknown>][] = [
    ['noting which keys have signed', noteSigned],
    ['replacing keys that were published', () => replacePublished(app, plan, current)],
    ['rotating the keys', rotateWhenDue],
    ['keeping the keys for as long as tokens live', () => raiseTokenTtl(database, plan.tokenTtlSeconds)],
    ['retiring keys', () => retireSpentKeys(database)],
  ]

  async function noteSigned(): Promise<void> {
    const unnoted = [...haveSigned].filter((kid) => ring.keys.get(kid)?.signedAt === null)
    if (unnoted.length > 0) await noteSignatures(database, unnoted)
  }

  async function rotateWhenDue(): Promise<void> {
    if (await rotateKeys(database, plan, current)) await recordEvent(rotation, database)
  }

  runPeriodically(app, 'following the keys', refreshMs(config), async function followKeys() {
    await open()
    await refresh()
    for (const [what, duty] of duties) await duty().catch(logFailure(what))
  })

  return {
    open,
    async signer() {
      await open()
      await requireCurrent(performance.now() - freshnessWindowMs)
      const able = [...ring.keys.values()].filter(({ canSign }) => canSign)
      const key = signingKey(able, new Date(ring.clockAhead + performance.now()))
      if (!key) throw new ServiceError('service_unavailable')
      haveSigned.add(key.kid)
      return key.jwt
    },
    async find(kid) {
      await open()
      const now = performance.now()
      const isKnown = ring.keys.has(kid)
      await requireCurrent(isKnown ? now - freshnessWindowMs : now)
      return ring.keys.get(kid)?.jwt ?? null
    },
    async publicJwks() {
      await open()
      return [...ring.keys.values()].map(({ publicJwk }) => publicJwk)
    },
  }
}

/** What was read of the keys, and when. */
interface Ring {
  keys: ReadonlyMap<unknown, RingEntry>
  /** How many changes had been announced before. */
  announced: number
  /** By the clock of `performance.now()`, which nobody sets. */
  readAt: number
  /** By how much the clock of the database is ahead of that one (milliseconds). */
  clockAhead: number
}

const emptyRing: Ring = { keys: new Map(), announced: -1, readAt: Number.NEGATIVE_INFINITY, clockAhead: 0 }

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
async function prepareKeys(
  app: FastifyInstance,
  plan: RotationPlan,
  sealingKeys: SealingKeys,
): Promise<void> {
  const { database } = app
  const [current] = sealingKeys
  await replacePublished(app, plan, current)
  await resealKeys(database, sealingKeys)
  await raiseTokenTtl(database, plan.tokenTtlSeconds)
  await rotateKeys(database, plan, current, (keys) => {
    const newest = keys.filter(({ retiredAt }) => retiredAt === null).at(-1)
    return newest?.algorithm !== plan.algorithm
  })
}

async function replacePublished(
  { database, log }: FastifyInstance,
  plan: RotationPlan,
  current: SealingKey,
): Promise<void> {
  const replaced = await replaceExposedKeys(database, plan, current)
  if (replaced.length === 0) return
  log.warn(
    { kids: replaced },
    'keys that were sealed under a published secret are retired, with their tokens',
  )
  await recordEvent(rotation, database)
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
