import { ServiceError } from '../../errors.js'
import type { AuthContext } from '../context.js'
import { effectiveAtIssue } from '../effective.js'
import { grantScope, maxScopeLength } from '../scope.js'
import { type Client, ownClaims } from '../store/clients.js'
import type { Granted, TokenParameters } from './grant.js'

/**
 * Implements the client credentials grant (RFC 6749 §4.4): a token for the client itself, without a refresh token. A
 * check in the database reserves this grant for confidential clients.
 *
 * @throws ServiceError `invalid_scope`
 */
export async function grantClientCredentials(
  parameters: TokenParameters,
  client: Client,
  _context: AuthContext,
): Promise<Granted> {
  const allowed = effectiveAtIssue(null, client).scope
  const scope = grantScope(parameters.scope, allowed)
  if (scope === null || scope.length > maxScopeLength) throw new ServiceError('invalid_scope')
  return { ...ownClaims(client), scope }
}
