import { createHash } from 'node:crypto'
import { isType } from '../access-token.js'
import type { AuthContext } from '../context.js'
import { recordAssertionUse } from '../store/assertion-uses.js'
import type { Client } from '../store/clients.js'
import { isUntyped, isWithinLifetime } from './assertion-claims.js'
import type { AssertionCredentials } from './credentials.js'
import { type Jws, verifyJws } from './jws.js'

/** Lifetime of an assertion. The total exceeds the remaining time, as some clients set an earlier `iat` to allow for clock errors. */
const lifetime = { maxRemaining: 300, maxTotal: 600 }

/**
 * Returns whether an assertion is the client's own, made for this server and presented for the first time (`private_key_jwt`,
 * RFC 7523 §3, draft-ietf-oauth-rfc7523bis). What depends on the request alone is checked first.
 */
export async function verifyAssertion(
  { clientId, jws }: AssertionCredentials,
  client: Client | null,
  { config, database, keySets }: AuthContext,
): Promise<boolean> {
  const { exp, jti } = jws.payload
  if (!isFor(config.issuer, clientId, jws) || !isWithinLifetime(jws.payload, lifetime, Date.now() / 1000))
    return false
  const keys = client?.confidential && client.keys ? await keySets.load(client.keys, jws.header) : []
  return verifyJws(jws, keys) && recordAssertionUse(digestOf(clientId, String(jti)), Number(exp), database)
}

/** Returns whether an assertion says that a client authenticates at this server, which must be its only audience. */
function isFor(issuer: string, clientId: string, { header, payload }: Jws): boolean {
  const { iss, sub, aud, jti } = payload
  return (
    (isUntyped(header) || isType(header.typ, 'client-authentication+jwt')) &&
    iss === clientId &&
    sub === clientId &&
    aud === issuer &&
    typeof jti === 'string' &&
    jti !== ''
  )
}

/** Returns the digest by which a used assertion is recognized. A client id contains no NUL. */
function digestOf(clientId: string, jti: string): Buffer {
  return createHash('sha256').update(`${clientId}\0${jti}`).digest()
}
