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
  revokeFamily,
  rotateRefreshToken,
} from '../store/families.js'
import type { Granted, TokenParameters } from './index.js'

/**
 * The refresh token grant (RFC 6749 §6) with rotation (RFC 9700 §4.14.2): each token is good once. One that comes again
 * within the grace gets the same successor, as its answer may have been lost, until that successor is used; later it was
 * stolen, and its family ends, whatever else is wrong with the request. The new access token has as much of the scope as
 * is left now; the family keeps its own.
 *
 * @throws ServiceError `invalid_parameter`, `invalid_refresh_token`, `foreign_token`, `invalid_scope`
 */
export async function grantRefreshToken(
  parameters: TokenParameters,
  client: Client,
  context: AuthContext,
  origin: RequestSource,
): Promise<Granted> {
  const { refresh_token: presented } = parameters
  if (presented === undefined) throw new ServiceError('invalid_parameter')
  const found = await requireRefreshToken(fingerprint(presented), context)
  if (found.clientId !== client.clientId) throw new ServiceError('foreign_token')
  const refreshToken = successorOf(presented, await context.readMacKey())
  const [token, successor] = [fingerprint(presented), fingerprint(refreshToken)]
  if (found.isUsed) await refuseReuse(token, successor, found, context, origin)
  // A request that is refused for another reason uses no token up.
  scopeLeft(parameters.scope, found)
  if (!found.isUsed && !(await rotateRefreshToken(token, successor, context.config, context.database)))
    await refuseChanged(token, successor, context, origin)
  // As everything is once the token has been used: what changed while it waited counts.
  const scope = scopeLeft(parameters.scope, await requireRefreshToken(successor, context))
  return { sub: found.username, clientId: client.clientId, scope, sid: found.familyId, refreshToken }
}

/** @throws ServiceError `invalid_refresh_token` when there is no such token */
async function requireRefreshToken(token: Buffer, { database }: AuthContext): Promise<FoundRefreshToken> {
  const found = await findRefreshToken(token, database)
  if (!found) throw new ServiceError('invalid_refresh_token')
  return found
}

/** @throws ServiceError `invalid_refresh_token`, unless another request has just used the token for the same answer */
async function refuseChanged(
  token: Buffer,
  successor: Buffer,
  context: AuthContext,
  origin: RequestSource,
): Promise<void> {
  const found = await requireRefreshToken(token, context)
  if (!found.isUsed) throw new ServiceError('invalid_refresh_token')
  await refuseReuse(token, successor, found, context, origin)
}

/** @throws ServiceError `invalid_refresh_token` and ends the family, unless the answer may have been lost */
async function refuseReuse(
  token: Buffer,
  successor: Buffer,
  { familyId, userId, username }: FoundRefreshToken,
  { config, database, changes }: AuthContext,
  origin: RequestSource,
): Promise<void> {
  if (await isWithinGrace(token, successor, config, database)) return
  const isEnded = await revokeFamily(familyId, database)
  await changes.sync()
  const reuse = { action: 'refresh_reuse', outcome: 'failed', actor: null } as const
  if (isEnded) await recordEvent(eventOf(reuse, { id: userId, username }, origin), database)
  throw new ServiceError('invalid_refresh_token')
}

/**
 * What is left of the scope that was asked for.
 *
 * @throws ServiceError `invalid_refresh_token`, `invalid_scope`
 */
function scopeLeft(asked: string | undefined, found: FoundRefreshToken): string {
  const granted = splitScope(found.scope)
  const now = effective({ claims: { client_id: found.clientId }, scope: granted }, found.facts)
  if (!found.isTimely || !now.active) throw new ServiceError('invalid_refresh_token')
  const wanted = grantScope(asked, granted)
  const scope =
    wanted &&
    splitScope(wanted)
      .filter((one) => now.scope.includes(one))
      .join(' ')
  if (!scope) throw new ServiceError('invalid_scope')
  return scope
}
