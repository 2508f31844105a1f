import type { AuthContext } from '../context.js'
import type { Client } from '../store/clients.js'
import { isUntyped, isWithinLifetime } from './assertion-claims.js'
import type { AssertionCredentials } from './credentials.js'
import { type Jws, verifyJws } from './jws.js'
import { matchesSubject } from './subject-pattern.js'

/** Lifetime of a platform's token. */
const lifetime = { maxRemaining: 3_600, maxTotal: 3_600 }

/**
 * Returns whether a token of a platform, such as that of a Kubernetes service account, authenticates the client: the client
 * trusts its issuer and subject, and it names this server alone. Its `jti` is not checked, as a workload presents the same
 * token many times.
 */
export async function verifyWorkload(
  { jws }: AssertionCredentials,
  client: Client | null,
  { config, keySets }: AuthContext,
): Promise<boolean> {
  const { header, payload } = jws
  if (
    !isUntyped(header) ||
    payload.iat === undefined ||
    !isWithinLifetime(payload, lifetime, Date.now() / 1000)
  )
    return false
  const issuers = client?.confidential ? client.trustedIssuers : []
  const issuer = issuers.find((trusted) => isTrusted(jws, trusted, config.issuer))
  const keys = issuer ? await keySets.load(issuer, header) : []
  return verifyJws(jws, keys)
}

/** Returns whether the issuer, the only audience and the subject of a token are those that a client trusts. */
function isTrusted(
  { payload }: Jws,
  { issuer, audience, subjectPattern }: Client['trustedIssuers'][number],
  ownIssuer: string,
): boolean {
  const { iss, aud, sub } = payload
  const [first, ...others] = [aud].flat()
  return (
    iss === issuer &&
    first === (audience ?? ownIssuer) &&
    others.length === 0 &&
    typeof sub === 'string' &&
    matchesSubject(subjectPattern, sub)
  )
}
