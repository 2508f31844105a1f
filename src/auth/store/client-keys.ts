import type { Transaction } from '../../database/client.js'

/** Source of the public keys of a client or of an issuer: at most one of a JWK Set and the URL of one. */
export interface StoredKeySource {
  jwks: { keys: object[] } | null
  jwksUri: string | null
  allowPrivateHost: boolean
  ca: string | null
}

/** Gives a client public keys in place of those that it has. */
export async function setClientKeys(
  clientId: string,
  { jwks, jwksUri, allowPrivateHost, ca }: StoredKeySource,
  database: Transaction,
): Promise<void> {
  await database.$executeRaw`
    INSERT INTO client_keys (client_id, jwks, jwks_uri, allow_private_host, ca)
    VALUES (${clientId}, ${jwks && JSON.stringify(jwks)}::jsonb, ${jwksUri}, ${allowPrivateHost}, ${ca})
    ON CONFLICT (client_id) DO UPDATE SET jwks = excluded.jwks, jwks_uri = excluded.jwks_uri,
      allow_private_host = excluded.allow_private_host, ca = excluded.ca, created_at = now()`
}

/** Removes the public keys of a client. */
export async function removeClientKeys(clientId: string, database: Transaction): Promise<void> {
  await database.clientKeys.deleteMany({ where: { clientId } })
}
