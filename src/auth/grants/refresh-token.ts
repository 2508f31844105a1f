import { ServiceError } from '../../errors.js'
import { eventOf, type Origin } from '../../events/event.js'
import { recordEvent } from '../../events/store.js'
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
 * stolen, and its family ends. The new access token has as much of the scope as is left now; the family keeps its own.
 *
 * @throws ServiceError `invalid_parameter`, `invalid_refresh_token`, `foreign_token`, `invalid_scope`
 */
export async function grantRefreshToken(
  parameters: TokenParameters,
  client: Client,
  context: AuthContext,
  origin: Origin,
): Promise<Granted> {
  const { refresh_token: presented } = parameters
  if (presented === undefined) throw new ServiceError('invalid_parameter')
  const found = await findRefreshToken(fingerprint(presented), context.database)
  if (!found) throw new ServiceError('invalid_refresh_token')
  if (found.clientId !== client.clientId) throw new ServiceError('foreign_token')
  const granted = splitScope(found.scope)
  const now = effective({ claims: { client_id: found.clientId }, scope: granted }, found.facts)
  if (!found.isTimely || !now.active) throw new ServiceError('invalid_refresh_token')
  const asked = grantScope(parameters.scope, granted)
  const scope =
    asked &&
    splitScope(asked)
      .filter((one) => now.scope.includes(one))
      .join(' ')
  if (!scope) throw new ServiceError('invalid_scope')

  const refreshToken = successorOf(presented, await context.readMacKey())
  await useUp(presented, refreshToken, found, context, origin)
  return { sub: found.username, clientId: client.clientId, scope, sid: found.familyId, refreshToken }
}

async function useUp(
  presented: string,
  successor: string,
  { familyId, userId, username }: FoundRefreshToken,
  { config, database, changes }: AuthContext,
  origin: Origin,
): Promise<void> {
  const [token, next] = [fingerprint(presented), fingerprint(successor)]
  if (await rotateRefreshToken(token, next, config, database)) return
  if (await isWithinGrace(token, next, config, database)) return
  await revokeFamily(familyId, database)
  await changes.catchUp()
  const reuse = { action: 'refresh_reuse', outcome: 'failed', actor: null } as const
  await recordEvent(eventOf(reuse, { id: userId, username }, origin), database)
  throw new ServiceError('invalid_refresh_token')
}
