import type { Database, Transaction } from '../../database/client.js'
import type { GeneratedKey } from './generate.js'
import type { PublicJwk, RingAlgorithm } from './jwt.js'
import { signingKey } from './lifecycle.js'
import { type SealingKey, seal } from './seal.js'
import { type SealingKeys, unsealWithAny } from './sealing-keys.js'

/** Id of the advisory lock that a process holds while it changes the keys. */
const keysLock = 0x1a7c4e02

/** Time within which every replica signs with a key after its signing time (seconds). */
const handoverSeconds = 60

/** A key of the ring as it is stored. */
export type StoredKey = Awaited<ReturnType<typeof listKeys>>[number]

/** Returns every key of the ring, retired ones included, in the order in which they sign. */
export async function listKeys(database: Transaction) {
  const keys = await database.signingKey.findMany({ orderBy: [{ signsAt: 'asc' }, { kid: 'asc' }] })
  return keys.map((key) => ({
    ...key,
    algorithm: key.algorithm as RingAlgorithm,
    // Prisma types the column as JSON of any shape. Only insertKey writes it.
    publicJwk: key.publicJwk as unknown as PublicJwk,
  }))
}

/** Decrypts the private half, PKCS #8 in DER. @throws OperatorError when it is sealed under an unknown secret */
export function openPrivateKey(
  { kid, sealedPrivateKey, sealedUnder }: StoredKey,
  sealingKeys: SealingKeys,
): Buffer {
  return unsealWithAny(sealedPrivateKey ?? new Uint8Array(), kid, sealedUnder, sealingKeys)
}

/** Returns the time by the clock of the database, which decides about keys, as the clocks of processes may differ. */
export async function readClock(database: Transaction): Promise<Date> {
  const [clock] = await database.$queryRaw<{ ms: number }[]>`
    SELECT extract(epoch FROM clock_timestamp())::float8 * 1000 AS ms`
  return new Date((clock as { ms: number }).ms)
}

/** Runs an action in a transaction while no other process can change the keys. */
export function withKeysLock<T>(
  database: Transaction,
  action: (transaction: Transaction) => Promise<T>,
): Promise<T> {
  return database.$transaction(async (transaction) => {
    await transaction.$executeRaw`SELECT pg_advisory_xact_lock(${keysLock})`
    return action(transaction)
  })
}

/** Stores a new key, which signs `leadSeconds` from now. Returns its id and its signing time. */
export async function insertKey(
  { privateKey, publicJwk }: GeneratedKey,
  { leadSeconds, tokenTtlSeconds }: { leadSeconds: number; tokenTtlSeconds: number },
  current: SealingKey,
  transaction: Transaction,
): Promise<{ kid: string; signsAt: Date }> {
  const { kid, alg } = publicJwk
  const [inserted] = await transaction.$queryRaw<{ signsAt: Date }[]>`
    INSERT INTO signing_keys
      (kid, algorithm, public_jwk, sealed_private_key, sealed_under, token_ttl_seconds, signs_at)
    VALUES (${kid}, ${alg}, ${JSON.stringify(publicJwk)}::jsonb, ${seal(privateKey, kid, current)},
      ${current.id}, ${tokenTtlSeconds}, clock_timestamp() + make_interval(secs => ${leadSeconds}))
    RETURNING signs_at AS "signsAt"`
  return { kid, ...(inserted as { signsAt: Date }) }
}

/** Encrypts all private keys that are sealed under a previous secret again, under the current one. */
export async function resealKeys(database: Database, sealingKeys: SealingKeys): Promise<void> {
  const [current] = sealingKeys
  await withKeysLock(database, async (transaction) => {
    for (const key of await listKeys(transaction)) {
      if (key.retiredAt || key.sealedUnder === current.id) continue
      const resealed = seal(openPrivateKey(key, sealingKeys), key.kid, current)
      await transaction.signingKey.update({
        where: { kid: key.kid },
        data: { sealedPrivateKey: new Uint8Array(resealed), sealedUnder: current.id },
      })
    }
  })
}

/**
 * Raises the token lifetime stored with each key to the longest one, of this replica's own tokens or of a resource, so that
 * no key is retired before its tokens expire.
 */
export async function raiseTokenTtl(database: Transaction, tokenTtlSeconds: number): Promise<void> {
  await database.$executeRaw`
    UPDATE signing_keys SET token_ttl_seconds = longest.ttl
    FROM (SELECT greatest(${tokenTtlSeconds}::int, max(token_ttl_seconds)) AS ttl FROM resources) AS longest
    WHERE retired_at IS NULL AND token_ttl_seconds < longest.ttl`
}

/** Records that keys have signed, so that earlier keys can be retired. */
export async function noteSignatures(database: Transaction, kids: string[]): Promise<void> {
  await database.$executeRaw`
    UPDATE signing_keys SET signed_at = clock_timestamp() WHERE kid = ANY (${kids}) AND signed_at IS NULL`
}

/**
 * Retires a key: erases its private half permanently, and its tokens are refused from now on.
 *
 * @returns false when there is no such key, or it is retired already
 */
export async function retireKey(database: Transaction, kid: string): Promise<boolean> {
  const retired = await database.$executeRaw`
    UPDATE signing_keys SET retired_at = now(), sealed_private_key = NULL WHERE kid = ${kid} AND retired_at IS NULL`
  return retired === 1
}

/** Retires a key unless it is the one that signs, so that there always is one. */
export async function retireUnlessSigning(
  database: Transaction,
  kid: string,
): Promise<'retired' | 'signing' | 'unknown'> {
  return withKeysLock(database, async (transaction) => {
    const keys = await listKeys(transaction)
    if (signingKey(keys, await readClock(transaction))?.kid === kid) return 'signing'
    return (await retireKey(transaction, kid)) ? 'retired' : 'unknown'
  })
}

/**
 * Retires the keys whose last token has expired. A key signs its last token up to `handoverSeconds` after the signing
 * time of its successor, once the successor has signed.
 */
export async function retireSpentKeys(database: Database): Promise<void> {
  await withKeysLock(
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
