import { randomBytes } from 'node:crypto'
import type { Database, Transaction } from '../../database/index.js'
import { StartupError } from '../../startup-error.js'
import { generateRingKey } from './generate.js'
import type { PublicJwk, RingAlgorithm } from './jwt.js'
import { isRotationDue, signingKey } from './lifecycle.js'
import { type SealingKey, seal, unseal } from './seal.js'

/** Names the lock that whoever changes the keys holds. */
const keysLock = 0x1a7c4e02

const macKeyPurpose = 'mac key'

/** The key that seals and those that may have sealed before it. */
export type SealingKeys = [current: SealingKey, ...previous: SealingKey[]]

/** A key of the ring as it is stored. */
export type StoredKey = Awaited<ReturnType<typeof listKeys>>[number]

/** Every key of the ring, retired ones too, in the order in which they sign. */
export async function listKeys(database: Transaction) {
  const keys = await database.signingKey.findMany({ orderBy: [{ signsAt: 'asc' }, { kid: 'asc' }] })
  return keys.map((key) => ({
    ...key,
    algorithm: key.algorithm as RingAlgorithm,
    // Prisma knows it as JSON of whatever shape; nobody but rotateKeys writes it.
    publicJwk: key.publicJwk as unknown as PublicJwk,
  }))
}

/** The private half, as PKCS #8 in DER. @throws StartupError when it was encrypted under a secret that is not known */
export function openPrivateKey(
  { kid, sealedPrivateKey, sealedUnder }: StoredKey,
  sealingKeys: SealingKeys,
): Buffer {
  return open(sealedPrivateKey ?? new Uint8Array(), kid, sealedUnder, sealingKeys)
}

/** The key of all keyed hashes, made at the first start. @throws StartupError as `openPrivateKey` does */
export async function provideMacKey(database: Database, sealingKeys: SealingKeys): Promise<Buffer> {
  return holdingKeysLock(database, async (transaction) => {
    const [current] = sealingKeys
    const stored = await transaction.macKey.findUnique({ where: { id: 1 } })
    const key = stored
      ? open(stored.sealedKey, macKeyPurpose, stored.sealedUnder, sealingKeys)
      : randomBytes(32)
    if (stored?.sealedUnder === current.id) return key
    const data = { sealedKey: bytes(seal(key, macKeyPurpose, current)), sealedUnder: current.id }
    await transaction.macKey.upsert({ where: { id: 1 }, create: data, update: data })
    return key
  })
}

/** Encrypts anew, under the current secret, what an earlier one encrypted. */
export async function resealKeys(database: Database, sealingKeys: SealingKeys): Promise<void> {
  const [current] = sealingKeys
  await holdingKeysLock(database, async (transaction) => {
    for (const key of await listKeys(transaction)) {
      if (key.retiredAt || key.sealedUnder === current.id) continue
      const sealedPrivateKey = bytes(seal(openPrivateKey(key, sealingKeys), key.kid, current))
      await transaction.signingKey.update({
        where: { kid: key.kid },
        data: { sealedPrivateKey, sealedUnder: current.id },
      })
    }
  })
}

/** What a rotation goes by; times are in seconds. */
export interface RotationPlan {
  algorithm: RingAlgorithm
  rotationSeconds: number
  /** How long a new key is published before it signs. */
  leadSeconds: number
  tokenTtlSeconds: number
}

/**
 * Publishes a new key when one is due: the first one, which signs at once, or the next one, which signs after the lead.
 * Of the replicas that find it due at the same time one makes it.
 *
 * @param isDue told the keys while nobody else can change them
 * @returns the new key, or null when none was due
 */
export async function rotateKeys(
  database: Database,
  plan: RotationPlan,
  sealingKey: SealingKey,
  isDue: (keys: StoredKey[], now: Date) => boolean = (keys, now) => isRotationDue(keys, plan, now),
): Promise<{ kid: string; signsAt: Date } | null> {
  if (!isDue(await listKeys(database), new Date())) return null
  const { privateKey, publicJwk } = await generateRingKey(plan.algorithm)
  return holdingKeysLock(database, async (transaction) => {
    const keys = await listKeys(transaction)
    const now = new Date()
    if (!isDue(keys, now)) return null
    const isFirst = keys.every(({ retiredAt }) => retiredAt !== null)
    return transaction.signingKey.create({
      select: { kid: true, signsAt: true },
      data: {
        kid: publicJwk.kid,
        algorithm: plan.algorithm,
        publicJwk: { ...publicJwk },
        sealedPrivateKey: bytes(seal(privateKey, publicJwk.kid, sealingKey)),
        sealedUnder: sealingKey.id,
        tokenTtlSeconds: plan.tokenTtlSeconds,
        signsAt: isFirst ? now : new Date(now.getTime() + plan.leadSeconds * 1000),
      },
    })
  })
}

/** Makes sure that keys outlive the tokens of this replica. */
export async function raiseTokenTtl(database: Transaction, tokenTtlSeconds: number): Promise<void> {
  await database.signingKey.updateMany({
    where: { retiredAt: null, tokenTtlSeconds: { lt: tokenTtlSeconds } },
    data: { tokenTtlSeconds },
  })
}

/** Erases a private key for good; tokens of the key are refused from now on. Whether there was something to erase. */
export async function retireKey(database: Transaction, kid: string): Promise<boolean> {
  const { count } = await database.signingKey.updateMany({
    where: { kid, retiredAt: null },
    data: { retiredAt: new Date(), sealedPrivateKey: null },
  })
  return count === 1
}

/** Retires a key unless it is the one that signs, so that there always is one. */
export async function retireUnlessSigning(
  database: Database,
  kid: string,
): Promise<'retired' | 'signing' | 'unknown'> {
  return holdingKeysLock(database, async (transaction) => {
    const keys = await listKeys(transaction)
    if (signingKey(keys, new Date())?.kid === kid) return 'signing'
    return (await retireKey(transaction, kid)) ? 'retired' : 'unknown'
  })
}

function holdingKeysLock<T>(database: Database, action: (transaction: Transaction) => Promise<T>) {
  return database.$transaction(async (transaction) => {
    await transaction.$executeRaw`SELECT pg_advisory_xact_lock(${keysLock})`
    return action(transaction)
  })
}

function open(sealed: Uint8Array, purpose: string, sealedUnder: string, keys: SealingKeys): Buffer {
  const key = keys.find(({ id }) => id === sealedUnder)
  if (!key)
    throw new StartupError(
      'the keys in the database are encrypted under another KEY_ENCRYPTION_SECRET; ' +
        'with that one as KEY_ENCRYPTION_SECRET_PREVIOUS they are encrypted anew',
    )
  try {
    return unseal(sealed, purpose, key)
  } catch {
    throw new StartupError(`the encrypted ${purpose} in the database is damaged`)
  }
}

/** Prisma's type of bytes excludes those of a shared buffer. */
function bytes(buffer: Buffer): Uint8Array<ArrayBuffer> {
  return new Uint8Array(buffer)
}
