import type { AuthContext } from '../context.js'
import { digestClientSecret, isSameDigest } from '../secrets.js'
import { noteSecretUse } from '../store/client-secrets.js'
import type { Client } from '../store/clients.js'
import type { SecretCredentials } from './credentials.js'

/** Returns whether a secret is one of the client's (RFC 6749 §2.3.1), or the client is public and none is sent. */
export async function verifySecret(
  { secret: text }: SecretCredentials,
  client: Client | null,
  { database, readMacKey }: AuthContext,
): Promise<boolean> {
  const digest = digestClientSecret(text ?? '', await readMacKey())
  const secret = client?.secrets.find((known) => isSameDigest(known.digest, digest))
  if (secret) await noteSecretUse(secret, database)
  const isPublic = client?.confidential === false && text === undefined
  return secret !== undefined || isPublic
}
