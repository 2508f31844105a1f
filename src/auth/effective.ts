import type { AccessTokenClaims, VerifiedToken } from './access-token.js'
import { includesScope, isOwnScope, passwordScope, userScopes } from './scope.js'

/** Facts about a user that decide what the user's tokens permit. */
export interface UserFacts {
  disabled: boolean
  generation: number
  passwordChangeRequired: boolean
  /** Scopes beyond those that every user has: the user's own, those of roles, and default ones of resources. */
  scopes: readonly string[]
}

/** Facts about a client that decide what the tokens issued to it permit. */
export interface ClientFacts {
  disabled: boolean
  generation: number
  scopes: readonly string[]
}

/** Facts about a token family: the generations of the user and the client at its login, and whether it was revoked. */
export interface FamilyFacts {
  userGeneration: number
  clientGeneration: number
  revoked: boolean
}

/** Facts about the audience of an access token: a resource, or this service, which is never disabled. */
export interface AudienceFacts {
  disabled: boolean
  /** Null for this service, which has none. */
  generation: number | null
  /** Scopes of the audience, at least those that the token has too. */
  scopes: readonly string[]
}

/** Stored facts that a token depends on. A row that does not exist, or no longer does, is null. */
export interface Facts {
  /** Null for a token that a client was issued for itself. */
  user: UserFacts | null
  client: ClientFacts | null
  family: FamilyFacts | null
  /** Null for a login, which can have scopes of several resources. Each of its access tokens is for one of them. */
  audience: AudienceFacts | null
  /** Whether the token itself was revoked. */
  revoked: boolean
}

/** A token with a valid signature or a known fingerprint. */
export interface Access {
  claims: Pick<AccessTokenClaims, 'client_id' | 'gen' | 'rgen'>
  scope: readonly string[]
}

/** Why a token is not active. */
type Reason = 'invalid_token' | 'inactive_user' | 'password_change_required' | 'insufficient_scope'

/** Permissions of a token now. */
export interface Effective {
  active: boolean
  /** Effective scope-tokens: at most `account:password` for a user who must change the password. */
  scope: readonly string[]
  /** Null for an active token. */
  reason: Reason | null
}

/**
 * Decides what a verified token permits now. This is the only such decision: guards, introspection and grants all use
 * it. A token depends on its user, its client, its login and its audience; a scope-token counts only while the token and
 * all of these have it.
 *
 * @param facts null when the user or the client that the token speaks for no longer exists
 */
export function effective(access: Access, facts: Facts | null): Effective {
  if (facts?.user?.disabled) return inactive('inactive_user')
  if (!facts || facts.revoked || !isUnchanged(access, facts) || !isForAudience(access, facts))
    return inactive('invalid_token')
  if (facts.user?.passwordChangeRequired)
    return inactive('password_change_required', narrow([passwordScope], access.scope, facts))
  const scope = narrow(access.scope, access.scope, facts)
  return access.scope.length > 0 && scope.length === 0
    ? inactive('insufficient_scope')
    : { active: true, scope, reason: null }
}

/**
 * Decides what a token that is about to be issued may permit at most.
 *
 * @param user null for a token for the client itself
 */
export function effectiveAtIssue(
  user: UserFacts | null,
  client: ClientFacts & { clientId: string },
): Effective {
  const scope = user ? [...userScopes, passwordScope, ...user.scopes] : client.scopes
  const claims = { client_id: client.clientId, gen: client.generation }
  const family = user && {
    userGeneration: user.generation,
    clientGeneration: client.generation,
    revoked: false,
  }
  return effective({ claims, scope }, { user, client, family, audience: null, revoked: false })
}

/** Returns whether a user or a client is disabled. */
export function isDisabled({ disabled }: { disabled: boolean }): boolean {
  return disabled
}

/**
 * Returns whether an authentication still counts: the user or the client exists, is enabled and is of the same generation.
 *
 * @param proved the user or the client as it was authenticated
 * @param now as it is stored now
 */
export function stillCounts<Holder extends Pick<UserFacts | ClientFacts, 'disabled' | 'generation'>>(
  proved: Holder,
  now: Holder | null,
): now is Holder {
  return now?.generation === proved.generation && !isDisabled(now)
}

/**
 * Returns the part of a token's scope that a client may see by introspection (RFC 7662 §4). Of a token for a resource, the
 * clients that serve the resource see all, and others nothing. Of a token for this service a client sees:
 *
 * - all of it when the token was issued to the client or has it as an audience, or the client has the right `introspect`
 * - otherwise the scope-tokens that the client has too, without those of this service's routes
 * - null when nothing is left, so that the client sees an inactive token
 *
 * @param servers ids of the clients that serve the resource
 */
export function visibleScope(
  { claims, audience, scope }: Pick<VerifiedToken, 'claims' | 'audience' | 'scope'>,
  client: { clientId: string; scopes: readonly string[]; rights: readonly string[] },
  servers: readonly string[],
): readonly string[] | null {
  if (audience !== null) return servers.includes(client.clientId) ? scope : null
  const concerned = [claims.client_id, claims.aud].flat()
  if (client.rights.includes('introspect') || concerned.includes(client.clientId)) return scope
  const shared = scope.filter((one) => !isOwnScope(one) && client.scopes.includes(one))
  return shared.length > 0 ? shared : null
}

function inactive(reason: Reason, scope: readonly string[] = []): Effective {
  return { active: false, scope, reason }
}

/** Returns whether the client and the login of a token are still as they were when it was issued. */
function isUnchanged({ claims }: Access, { user, client, family }: Facts): boolean {
  // Issued elsewhere with the shared secret: valid until the user's first change of generation.
  if (claims.client_id === undefined) return user?.generation === 0
  if (!client || isDisabled(client)) return false
  if (!user) return client.generation === claims.gen
  return (
    family !== null &&
    !family.revoked &&
    family.userGeneration === user.generation &&
    family.clientGeneration === client.generation
  )
}

/** Returns whether the audience of a token is still as it was when the token was issued. */
function isForAudience({ claims }: Access, { audience }: Facts): boolean {
  return !audience || (!audience.disabled && audience.generation === (claims.rgen ?? null))
}

/** Returns the wanted scope-tokens that the token, its user, its client and its audience all have, each once. */
function narrow(
  wanted: readonly string[],
  held: readonly string[],
  { user, client, audience }: Facts,
): string[] {
  return [...new Set(wanted)].filter(
    (one) =>
      includesScope(held, one) &&
      (!user || includesScope([...userScopes, ...user.scopes], one)) &&
      (!client || includesScope(client.scopes, one)) &&
      (!audience || includesScope(audience.scopes, one)),
  )
}
