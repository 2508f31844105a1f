import type { Transaction } from '../../database/client.js'
import { type QueryTarget, queryRows, within } from '../../database/query.js'
import { isExposed, type SealingKeys } from '../../sealing/sealing-keys.js'
import type { Endpoint } from './attempt.js'
import { openSecrets, type SealedSecrets, sealSecret } from './secrets.js'
import { newWebhookSecret } from './signature.js'

const secretColumns = `
  id, sealed_secret AS "sealedSecret", sealed_under AS "sealedUnder",
  CASE WHEN previous_until > now() THEN sealed_previous_secret END AS "sealedPreviousSecret"`

/** Returns webhooks as attempts need them. */
export function findEndpoints(ids: string[], database: QueryTarget): Promise<Endpoint[]> {
  return queryRows(endpoints, [ids], database)
}

const endpoints = `SELECT name, url, ca, ${secretColumns} FROM webhooks WHERE id = ANY ($1::uuid[])`

/**
 * Replaces the secret of a webhook. Until the overlap ends, the previous secret signs too; without an overlap it is forgotten.
 *
 * @returns the new secret, or null if there is no such webhook
 * @throws OperatorError if the previous secret is to sign too, and cannot be decrypted
 */
export async function rotateSecret(
  id: string,
  overlapSeconds: number,
  sealingKeys: SealingKeys,
  transaction: Transaction,
): Promise<string | null> {
  const [current] = sealingKeys
  const [stored] = await queryRows<SealedSecrets>(lockedSecrets, [id], within(transaction))
  if (!stored) return null
  const secret = newWebhookSecret()
  const previous = overlapSeconds > 0 ? (openSecrets(stored, sealingKeys)[0] as string) : null
  await transaction.$executeRaw`
    UPDATE webhooks SET sealed_under = ${current.id}, sealed_secret = ${sealSecret(id, secret, current)},
      sealed_previous_secret = ${previous && sealSecret(id, previous, current)},
      previous_until = CASE WHEN ${overlapSeconds} > 0 THEN now() + make_interval(secs => ${overlapSeconds}) END
    WHERE id = ${id}::uuid`
  return secret
}

const lockedSecrets = `SELECT ${secretColumns} FROM webhooks WHERE id = $1::uuid FOR UPDATE`

/**
 * Encrypts all secrets that are sealed under a previous KEY_ENCRYPTION_SECRET again, under the current one. One that cannot be
 * decrypted is left as it is.
 *
 * @returns the webhooks whose secrets cannot be decrypted, with the reasons
 */
export async function resealSecrets(
  sealingKeys: SealingKeys,
  database: QueryTarget,
): Promise<{ name: string; reason: string }[]> {
  const [current, previous] = sealingKeys
  if (!previous || isExposed({ sealedUnder: previous.id }, current)) return []
  const failures = []
  for (const stored of await queryRows<Endpoint>(endpointsSealedUnder, [previous.id], database)) {
    const { id, name, sealedSecret } = stored
    let secrets: string[]
    try {
      secrets = openSecrets(stored, sealingKeys)
    } catch (error) {
      failures.push({ name, reason: (error as Error).message })
      continue
    }
    const [secret, former = null] = secrets.map((one) => sealSecret(id, one, current))
    await queryRows(reseal, [id, sealedSecret, current.id, secret, former], database)
  }
  return failures
}

const endpointsSealedUnder = `SELECT name, url, ca, ${secretColumns} FROM webhooks WHERE sealed_under = $1`

/** Has no effect if the secret was replaced or encrypted anew since it was read. */
const reseal = `
  UPDATE webhooks SET sealed_under = $3, sealed_secret = $4::bytea, sealed_previous_secret = $5::bytea,
    previous_until = CASE WHEN $5::bytea IS NOT NULL THEN previous_until END
  WHERE id = $1::uuid AND sealed_secret = $2::bytea RETURNING id`
