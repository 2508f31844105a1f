import type { Transaction } from '../../database/client.js'
import type { StoredKeySource } from './client-keys.js'
import { lockClient } from './clients.js'

/** An issuer whose tokens authenticate a client. */
export interface NewTrustedIssuer extends StoredKeySource {
  issuer: string
  subjectPattern: string
  /** Null for the issuer of this deployment. */
  audience: string | null
}

/**
 * Lets a client trust tokens of an issuer. What it trusted with the same issuer and pattern is replaced. Waits for other
 * transactions that do the same.
 *
 * @returns number of issuers and subjects that the client then trusts
 */
export async function addTrustedIssuer(
  clientId: string,
  { issuer, subjectPattern, audience, jwks, jwksUri, allowPrivateHost, ca }: NewTrustedIssuer,
  transaction: Transaction,
): Promise<number> {
  await lockClient(clientId, transaction)
  await transaction.$executeRaw`
    INSERT INTO trusted_issuers
      (client_id, issuer, subject_pattern, audience, jwks, jwks_uri, allow_private_host, ca)
    VALUES (${clientId}, ${issuer}, ${subjectPattern}, ${audience}, ${jwks && JSON.stringify(jwks)}::jsonb, ${jwksUri},
      ${allowPrivateHost}, ${ca})
    ON CONFLICT (client_id, issuer, subject_pattern) DO UPDATE SET audience = excluded.audience,
      jwks = excluded.jwks, jwks_uri = excluded.jwks_uri, allow_private_host = excluded.allow_private_host,
      ca = excluded.ca, created_at = now()`
  return transaction.trustedIssuer.count({ where: { clientId } })
}

/** Ends the trust of a client in an issuer, or in one pattern of it. Returns false when there was none. */
export async function removeTrustedIssuers(
  clientId: string,
  issuer: string,
  subjectPattern: string | undefined,
  database: Transaction,
): Promise<boolean> {
  const where = { clientId, issuer, ...(subjectPattern !== undefined && { subjectPattern }) }
  return (await database.trustedIssuer.deleteMany({ where })).count > 0
}
