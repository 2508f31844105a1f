import type { AccessTokenClaims } from './access-token.js'
import { includesScope, isOwnScope, passwordScope, userScopes } from './scope.js'

/** A user, as far as it decides what the user's tokens are good for. */
export interface UserFacts {
  disabled: boolean
  generation: number
  passwordChangeRequired: boolean
  /** Scopes beyond those that every user has. */
  scopes: readonly string[]
}

/** A client, as far as it decides what the tokens issued to it are good for. */
export interface ClientFacts {
  disabled: boolean
  generation: number
  scopes: readonly string[]
}

/** The login that a token came of, and the generations in which it was made. */
export interface FamilyFacts {
  userGeneration: number
  clientGeneration: number
  revoked: boolean
}

/** Everything stored that a token stands on. What is not there, or no longer, is null. */
export interface Facts {
  /** Null for a token that a client got for itself. */
  user: UserFacts | null
  client: ClientFacts | null
  family: FamilyFacts | null
  /** Whether the token itself was revoked. */
  revoked: boolean
}

/** A token whose signature or fingerprint was found good. */
export interface Access {
  claims: Pick<AccessTokenClaims, 'client_id' | 'gen'>
  scope: readonly string[]
}

/** Why a token is not good. */
type Reason = 'invalid_token' | 'inactive_user' | 'password_change_required' | 'insufficient_scope'

/** What a token may do now. */
export interface Effective {
  active: boolean
  /** The scope-tokens that are left: for a user who must change the password, `account:password` at most. */
  scope: readonly string[]
  /** Null for an active token. */
  reason: Reason | null
}

/**
 * Decides what a verified token may do now, at every door: it stands on the user, the client and the login that it was
 * issued on, and a scope counts only while the token, the user and the client all have it.
 *
 * @param facts null when the user or the client that the token speaks for is gone
 */
export function effective(access: Access, facts: Facts | null): Effective {
  if (facts?.user?.disabled) return inactive('inactive_user')
  if (!facts || facts.revoked || !isUnchanged(access, facts)) return inactive('invalid_token')
  if (facts.user?.passwordChangeRequired)
    return inactive('password_change_required', narrow([passwordScope], access.scope, facts))
  const scope = narrow(access.scope, access.scope, facts)
  return access.scope.length > 0 && scope.length === 0
    ? inactive('insufficient_scope')
    : { active: true, scope, reason: null }
}

/** Decides what a token that is about to be issued may do at most; without a user it is one for the client itself. */
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
  return effective({ claims, scope }, { user, client, family, revoked: false })
}

/** Whether a user or a client is locked out. */
export function isLockedOut({ disabled }: { disabled: boolean }): boolean {
  return disabled
}

/** Whether the user or the client that has proved itself is still there, and nothing has ended what that is good for. */
export function stillCounts<Holder extends Pick<UserFacts | ClientFacts, 'disabled' | 'generation'>>(
  proved: Holder,
  now: Holder | null,
): now is Holder {
  return now?.generation === proved.generation && !isLockedOut(now)
}

/**
 * The part of a token's scope that a client may be told about (RFC 7662 §4): all of it where the token was issued to the
 * client, is meant for it, or the client has the right to ask about every token; else the scopes that are the client's
 * own and not of this service's routes. Null when the token does not concern the client.
 */
export function visibleScope(
  { claims, scope }: { claims: AccessTokenClaims; scope: readonly string[] },
  client: { clientId: string; scopes: readonly string[]; rights: readonly string[] },
): readonly string[] | null {
  const concerned = [claims.client_id, claims.aud].flat()
  if (client.rights.includes('introspect') || concerned.includes(client.clientId)) return scope
  const shared = scope.filter((one) => !isOwnScope(one) && client.scopes.includes(one))
  return shared.length > 0 ? shared : null
}

function inactive(reason: Reason, scope: readonly string[] = []): Effective {
  return { active: false, scope, reason }
}

/** Whether nothing has ended what the token stands on. */
function isUnchanged({ claims }: Access, { user, client, family }: Facts): boolean {
  // Issued elsewhere with the shared secret: good until the user's first change of generation.
  if (claims.client_id === undefined) return user?.generation === 0
  if (!client || isLockedOut(client)) return false
  if (!user) return client.generation === claims.gen
  return (
    family !== null &&
    !family.revoked &&
    family.userGeneration === user.generation &&
    family.clientGeneration === client.generation
  )
}

/** Those of the scope-tokens that the token, its user and its client all have. */
function narrow(wanted: readonly string[], held: readonly string[], { user, client }: Facts): string[] {
  const holders = [
    held,
    ...(user ? [[...userScopes, ...user.scopes]] : []),
    ...(client ? [client.scopes] : []),
  ]
  return wanted.filter((one) => holders.every((scope) => includesScope(scope, one)))
}
