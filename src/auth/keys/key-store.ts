import { type Database, raw, type Transaction } from '../../database/client.js'
import { readClock } from '../../database/clock.js'
import { type QueryTarget, queryRows, within } from '../../database/query.js'
import { type SealingKey, seal } from '../../sealing/seal.js'
import { type SealingKeys, unsealWithAny } from '../../sealing/sealing-keys.js'
import type { GeneratedKey } from './generate.js'
import type { PublicJwk, RingAlgorithm } from './jwt.js'
import { signingKey } from './lifecycle.js'

/** Id of the advisory lock that a process holds while it changes the keys. */
const keysLock = 0x1a7c4e02

/** Time within which every replica signs with a key after its signing time (seconds). */
export const handoverSeconds = 60

/** A key of the ring as it is stored. */
export interface StoredKey {
  kid: string
  algorithm: RingAlgorithm
  publicJwk: PublicJwk
  /** Null once the key is retired. */
  sealedPrivateKey: Uint8Array | null
  /** Id of the sealing key. */
  sealedUnder: string
  /** Longest lifetime that any replica gives to the tokens that it signs. */
  tokenTtlSeconds: number
  createdAt: Date
  signsAt: Date
  /** Time at which it first signed, as far as is known. */
  signedAt: Date | null
  retiredAt: Date | null
}

/**
 * Returns every key of the ring, retired ones included, in the order in which they sign. Processes that follow the keys do not need
 * Prisma's client for it: loading its query engine takes 50 to 100 ms of CPU time and 25 MB.
 */
export function listKeys(target: QueryTarget): Promise<StoredKey[]> {
  return queryRows<StoredKey>(allKeys, [], target)
}

const allKeys = `
  SELECT kid, algorithm, public_jwk AS "publicJwk", sealed_private_key AS "sealedPrivateKey", sealed_under AS "sealedUnder",
    token_ttl_seconds AS "tokenTtlSeconds", created_at AS "createdAt", signs_at AS "signsAt", signed_at AS "signedAt",
    retired_at AS "retiredAt"
  FROM signing_keys ORDER BY signs_at, kid`

/** Decrypts the private half, PKCS #8 in DER. @throws OperatorError when it is sealed under an unknown secret */
export function openPrivateKey(
  { kid, sealedPrivateKey, sealedUnder }: StoredKey,
  sealingKeys: SealingKeys,
): Buffer {
  return unsealWithAny(sealedPrivateKey ?? new Uint8Array(), kid, sealedUnder, sealingKeys)
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
  const isOutdated = (key: StoredKey) => key.retiredAt === null && key.sealedUnder !== current.id
  if (!(await listKeys(database)).some(isOutdated)) return
  await withKeysLock(database, async (transaction) => {
    for (const key of (await listKeys(within(transaction))).filter(isOutdated)) {
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
export async function raiseTokenTtl(database: Database, tokenTtlSeconds: number): Promise<void> {
  await queryRows(raise, [tokenTtlSeconds], database)
}

const raise = `
  UPDATE signing_keys SET token_ttl_seconds = longest.ttl
  FROM (SELECT greatest($1::int, max(token_ttl_seconds)) AS ttl FROM resources) AS longest
  WHERE retired_at IS NULL AND token_ttl_seconds < longest.ttl`

/** Records that keys have signed, so that earlier keys can be retired. */
export async function noteSignatures(database: Database, kids: string[]): Promise<void> {
  await queryRows(noteFirstSignatures, [kids], database)
}

const noteFirstSignatures = `
  UPDATE signing_keys SET signed_at = clock_timestamp() WHERE kid = ANY ($1::varchar[]) AND signed_at IS NULL`

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
    const keys = await listKeys(within(transaction))
    if (signingKey(keys, await readClock(within(transaction)))?.kid === kid) return 'signing'
    return (await retireKey(transaction, kid)) ? 'retired' : 'unknown'
  })
}

/**
 * Retires the keys whose last token has expired. A key signs its last token up to `handoverSeconds` after the signing
 * time of its successor, once the successor has signed.
 */
export async function retireSpentKeys(database: Database): Promise<void> {
  const spent = await queryRows(`SELECT FROM signing_keys AS spent WHERE ${isSpent} LIMIT 1`, [], database)
  if (spent.length === 0) return
  await withKeysLock(
    database,
    (transaction) => transaction.$executeRaw`
      UPDATE signing_keys AS spent SET retired_at = now(), sealed_private_key = NULL WHERE ${raw(isSpent)}`,
  )
}

const isSpent = `
  retired_at IS NULL AND EXISTS (
    SELECT FROM signing_keys AS successor
    WHERE successor.retired_at IS NULL AND successor.signed_at IS NOT NULL
      AND successor.signs_at > spent.signs_at
      AND successor.signs_at + make_interval(secs => spent.token_ttl_seconds + ${handoverSeconds}) < now()
  )`
