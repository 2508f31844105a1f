import { eventOf, type RequestSource } from '../../audit/event.js'
import { recordEvent } from '../../audit/event-store.js'
import { ServiceError } from '../../errors.js'
import type { AuthContext } from '../context.js'
import { effective } from '../effective.js'
import { grantScope, splitScope } from '../scope.js'
import { fingerprint, successorOf } from '../secrets.js'
import type { Client } from '../store/clients.js'
import {
  type FoundRefreshToken,
  findRefreshToken,
  isWithinGrace,
  rotateRefreshToken,
} from '../store/families.js'
import { revokeFamily } from '../store/revocation.js'
import type { Granted, TokenParameters } from './grant.js'

/** A presented refresh token and the token that follows it, by their fingerprints. */
interface Rotation {
  token: Buffer
  successor: Buffer
}

/**
 * Implements the refresh token grant (RFC 6749 §6) with rotation (RFC 9700 §4.14.2). A refresh token is in one of these
 * states:
 *
 * | state                                               | response                                      |
 * | --------------------------------------------------- | --------------------------------------------- |
 * | unused                                              | rotated: a new access token and the successor |
 * | used, in the grace period, with an unused successor | the same successor: the response may be lost  |
 * | used otherwise                                      | treated as stolen: its family is revoked      |
 *
 * A reuse revokes the family whatever else is wrong with the request. The new access token has as much of the scope as is
 * effective now. The family keeps its own scope.
 *
 * @throws ServiceError `invalid_parameter`, `invalid_refresh_token`, `foreign_token`, `invalid_scope`
 */
export async function grantRefreshToken(
  parameters: TokenParameters,
  client: Client,
  context: AuthContext,
  source: RequestSource,
): Promise<Granted> {
  const { refresh_token: presented } = parameters
  if (presented === undefined) throw new ServiceError('invalid_parameter')
  const found = await requireRefreshToken(fingerprint(presented), context)
  if (found.clientId !== client.clientId) throw new ServiceError('foreign_token')
  const refreshToken = successorOf(presented, await context.readMacKey())
  const rotation = { token: fingerprint(presented), successor: fingerprint(refreshToken) }
  await rotateOrRevokeFamily(rotation, found, parameters.scope, context, source)
  // Read again, as the user or the client may have changed while the rotation waited for a lock.
  const current = await requireRefreshToken(rotation.successor, context)
  const scope = narrowScope(parameters.scope, current)
  return { sub: found.username, clientId: client.clientId, scope, sid: found.familyId, refreshToken }
}

/** @throws ServiceError `invalid_refresh_token` when the token is unknown */
async function requireRefreshToken(token: Buffer, { database }: AuthContext): Promise<FoundRefreshToken> {
  const found = await findRefreshToken(token, database)
  if (!found) throw new ServiceError('invalid_refresh_token')
  return found
}

/**
 * Rotates an unused token. A token that was used before, or by another request at the same time, is a reuse.
 *
 * @throws ServiceError `invalid_refresh_token`, `invalid_scope`
 */
async function rotateOrRevokeFamily(
  rotation: Rotation,
  found: FoundRefreshToken,
  requestedScope: string | undefined,
  context: AuthContext,
  source: RequestSource,
): Promise<void> {
  if (found.isUsed) await revokeUnlessWithinGrace(rotation, found, context, source)
  // Checked before the rotation: a request that is refused leaves its token unused.
  narrowScope(requestedScope, found)
  if (found.isUsed) return
  const { token, successor } = rotation
  if (await rotateRefreshToken(token, successor, context.config, context.database)) return
  const changed = await requireRefreshToken(token, context)
  if (!changed.isUsed) throw new ServiceError('invalid_refresh_token')
  await revokeUnlessWithinGrace(rotation, changed, context, source)
}

/** Revokes the family of a reused token. @throws ServiceError `invalid_refresh_token` unless it is within the grace period */
async function revokeUnlessWithinGrace(
  { token, successor }: Rotation,
  { familyId, userId, username }: FoundRefreshToken,
  { config, database, changes }: AuthContext,
  source: RequestSource,
): Promise<void> {
  if (await isWithinGrace(token, successor, config, database)) return
  const isRevoked = await revokeFamily(familyId, database)
  await changes.sync()
  const reuse = { action: 'refresh_reuse', outcome: 'failed', actor: null } as const
  if (isRevoked) await recordEvent(eventOf(reuse, { id: userId, username }, source), database)
  throw new ServiceError('invalid_refresh_token')
}

/**
 * Returns the part of the requested scope that is effective now.
 *
 * @throws ServiceError `invalid_refresh_token` when the family is no longer active; `invalid_scope` when nothing is left,
 * or more is requested than was granted at the login
 */
function narrowScope(requested: string | undefined, found: FoundRefreshToken): string {
  const granted = splitScope(found.scope)
  const now = effective({ claims: { client_id: found.clientId }, scope: granted }, found.facts)
  if (!found.isTimely || !now.active) throw new ServiceError('invalid_refresh_token')
  const wanted = grantScope(requested, granted)
  if (!wanted) throw new ServiceError('invalid_scope')
  const scope = splitScope(wanted).filter((one) => now.scope.includes(one))
  if (scope.length === 0) throw new ServiceError('invalid_scope')
  return scope.join(' ')
}
