import { randomBytes } from 'node:crypto'
import { publishedSecrets } from '../../config/production.js'
import type { Database, Transaction } from '../../database/client.js'
import { OperatorError } from '../../lifecycle/operator-error.js'
import { generateRingKey } from './generate.js'
import type { PublicJwk, RingAlgorithm } from './jwt.js'
import { isRotationDue, signingKey } from './lifecycle.js'
import { type SealingKey, seal, sealingKey, unseal } from './seal.js'

/** Names the lock that a process holds while it changes the keys. */
const keysLock = 0x1a7c4e02

const macKeyPurpose = 'mac key'

/** Time within which every replica signs with a key after its time has come (seconds). */
const handoverSeconds = 60

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
    // Prisma knows it as JSON of whatever shape; only insertKey writes it.
    publicJwk: key.publicJwk as unknown as PublicJwk,
  }))
}

/** The private half, as PKCS #8 in DER. @throws OperatorError when it was encrypted under a secret that is not known */
export function openPrivateKey(
  { kid, sealedPrivateKey, sealedUnder }: StoredKey,
  sealingKeys: SealingKeys,
): Buffer {
  return open(sealedPrivateKey ?? new Uint8Array(), kid, sealedUnder, sealingKeys)
}

/**
 * Returns the key of all keyed hashes, or null where the next start makes one: before the first start, and where it was
 * sealed under a published secret.
 *
 * @throws OperatorError as `openPrivateKey` does
 */
export async function findMacKey(database: Database, sealingKeys: SealingKeys): Promise<Buffer | null> {
  const stored = await database.macKey.findUnique({ where: { id: 1 } })
  if (!stored || isExposed(stored, sealingKeys[0])) return null
  return open(stored.sealedKey, macKeyPurpose, stored.sealedUnder, sealingKeys)
}

/** The time by the clock of the database, the one that decides about keys: those of processes may differ. */
export async function readClock(database: Transaction): Promise<Date> {
  const [clock] = await database.$queryRaw<{ ms: number }[]>`
    SELECT extract(epoch FROM clock_timestamp())::float8 * 1000 AS ms`
  return new Date((clock as { ms: number }).ms)
}

/**
 * The key of all keyed hashes, made at the first start. One that was sealed under a published secret is replaced. The
 * digests of the secrets of clients were made with it, so these secrets are good no longer and are removed.
 *
 * @param onReplaced called when it was replaced
 * @throws OperatorError as `openPrivateKey` does
 */
export async function getOrCreateMacKey(
  database: Database,
  sealingKeys: SealingKeys,
  onReplaced: () => void,
): Promise<Buffer> {
  const [current] = sealingKeys
  let isReplaced = false
  const key = await holdingKeysLock(database, async (transaction) => {
    const stored = await transaction.macKey.findUnique({ where: { id: 1 } })
    isReplaced = stored !== null && isExposed(stored, current)
    const key =
      stored && !isReplaced
        ? open(stored.sealedKey, macKeyPurpose, stored.sealedUnder, sealingKeys)
        : randomBytes(32)
    if (stored?.sealedUnder === current.id) return key
    if (isReplaced) await transaction.clientSecret.deleteMany()
    const data = { sealedKey: bytes(seal(key, macKeyPurpose, current)), sealedUnder: current.id }
    await transaction.macKey.upsert({ where: { id: 1 }, create: data, update: data })
    return key
  })
  if (isReplaced) onReplaced()
  return key
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

/** Whether everybody can open what was sealed: it was sealed under a published secret, and that is not the current one. */
export function isExposed({ sealedUnder }: { sealedUnder: string }, current: SealingKey): boolean {
  return (
    sealedUnder !== current.id && publishedSecrets.some((secret) => sealingKey(secret).id === sealedUnder)
  )
}

/**
 * Has a new key sign at once in the place of those that were sealed under a published secret, and retires these: others
 * may sign with them. The kids of the retired.
 */
export async function replaceExposedKeys(
  database: Database,
  plan: RotationPlan,
  current: SealingKey,
): Promise<string[]> {
  const areExposed = (key: StoredKey) => key.retiredAt === null && isExposed(key, current)
  if (!(await listKeys(database)).some(areExposed)) return []
  const made = await generateRingKey(plan.algorithm)
  return holdingKeysLock(database, async (transaction) => {
    const exposed = (await listKeys(transaction)).filter(areExposed)
    if (exposed.length > 0) await insertKey(made, { ...plan, leadSeconds: 0 }, current, transaction)
    for (const { kid } of exposed) await retireKey(transaction, kid)
    return exposed.map(({ kid }) => kid)
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
 * @param isDue receives the keys, which nobody else can change meanwhile, and the time by the clock of the database
 * @returns the new key, or null when none was due
 */
export async function rotateKeys(
  database: Transaction,
  plan: RotationPlan,
  current: SealingKey,
  isDue: (keys: StoredKey[], now: Date) => boolean = (keys, now) => isRotationDue(keys, plan, now),
): Promise<{ kid: string; signsAt: Date } | null> {
  if (!isDue(await listKeys(database), await readClock(database))) return null
  const made = await generateRingKey(plan.algorithm)
  return holdingKeysLock(database, async (transaction) => {
    const keys = await listKeys(transaction)
    if (!isDue(keys, await readClock(transaction))) return null
    const isFirst = keys.every(({ retiredAt }) => retiredAt !== null)
    return insertKey(made, isFirst ? { ...plan, leadSeconds: 0 } : plan, current, transaction)
  })
}

async function insertKey(
  { privateKey, publicJwk }: Awaited<ReturnType<typeof generateRingKey>>,
  { algorithm, tokenTtlSeconds, leadSeconds }: RotationPlan,
  current: SealingKey,
  transaction: Transaction,
): Promise<{ kid: string; signsAt: Date }> {
  const { kid } = publicJwk
  const [inserted] = await transaction.$queryRaw<{ signsAt: Date }[]>`
    INSERT INTO signing_keys
      (kid, algorithm, public_jwk, sealed_private_key, sealed_under, token_ttl_seconds, signs_at)
    VALUES (${kid}, ${algorithm}, ${JSON.stringify(publicJwk)}::jsonb, ${seal(privateKey, kid, current)},
      ${current.id}, ${tokenTtlSeconds}, clock_timestamp() + make_interval(secs => ${leadSeconds}))
    RETURNING signs_at AS "signsAt"`
  return { kid, ...(inserted as { signsAt: Date }) }
}

/** Makes sure that keys outlive the tokens of this replica. */
export async function raiseTokenTtl(database: Transaction, tokenTtlSeconds: number): Promise<void> {
  await database.signingKey.updateMany({
    where: { retiredAt: null, tokenTtlSeconds: { lt: tokenTtlSeconds } },
    data: { tokenTtlSeconds },
  })
}

/** Notes that keys have signed, so that those before them can be retired. */
export async function noteSignatures(database: Transaction, kids: string[]): Promise<void> {
  await database.$executeRaw`
    UPDATE signing_keys SET signed_at = clock_timestamp() WHERE kid = ANY (${kids}) AND signed_at IS NULL`
}

/** Erases a private key for good; tokens of the key are refused from now on. Whether there was something to erase. */
export async function retireKey(database: Transaction, kid: string): Promise<boolean> {
  const retired = await database.$executeRaw`
    UPDATE signing_keys SET retired_at = now(), sealed_private_key = NULL WHERE kid = ${kid} AND retired_at IS NULL`
  return retired === 1
}

/**
 * Retires the keys whose last token has expired: a later one has signed, and since its time came tokens have ended that
 * were signed up to a moment after it.
 */
export async function retireSpentKeys(database: Database): Promise<void> {
  await holdingKeysLock(
    database,
    (transaction) => transaction.$executeRaw`
      UPDATE signing_keys AS spent SET retired_at = now(), sealed_private_key = NULL
      WHERE retired_at IS NULL AND EXISTS (
        SELECT FROM signing_keys AS successor
        WHERE successor.retired_at IS NULL AND successor.signed_at IS NOT NULL
          AND successor.signs_at > spent.signs_at
          AND successor.signs_at + make_interval(secs => spent.token_ttl_seconds + ${handoverSeconds}::int) < now()
      )`,
  )
}

/** Retires a key unless it is the one that signs, so that there always is one. */
export async function retireUnlessSigning(
  database: Transaction,
  kid: string,
): Promise<'retired' | 'signing' | 'unknown'> {
  return holdingKeysLock(database, async (transaction) => {
    const keys = await listKeys(transaction)
    if (signingKey(keys, await readClock(transaction))?.kid === kid) return 'signing'
    return (await retireKey(transaction, kid)) ? 'retired' : 'unknown'
  })
}

function holdingKeysLock<T>(database: Transaction, action: (transaction: Transaction) => Promise<T>) {
  return database.$transaction(async (transaction) => {
    await transaction.$executeRaw`SELECT pg_advisory_xact_lock(${keysLock})`
    return action(transaction)
  })
}

function open(sealed: Uint8Array, purpose: string, sealedUnder: string, keys: SealingKeys): Buffer {
  const key = keys.find(({ id }) => id === sealedUnder)
  if (!key)
    throw new OperatorError(
      'the keys in the database are encrypted under another KEY_ENCRYPTION_SECRET; ' +
        'with that one as KEY_ENCRYPTION_SECRET_PREVIOUS they are encrypted anew',
    )
  try {
    return unseal(sealed, purpose, key)
  } catch {
    throw new OperatorError(`the encrypted ${purpose} in the database is damaged`)
  }
}

/** Prisma's type of bytes excludes those of a shared buffer. */
function bytes(buffer: Buffer): Uint8Array<ArrayBuffer> {
  return new Uint8Array(buffer)
}
