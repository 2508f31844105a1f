import { ServiceError } from '../../errors.js'
import type { AuthContext } from '../context.js'
import { grantScope } from '../scope.js'
import type { Client } from '../store/clients.js'
import { clientSubject } from '../subject.js'
import type { Granted, TokenParameters } from './index.js'

/**
 * The client credentials grant (RFC 6749 §4.4): a token that speaks for the client itself, and no refresh token. The
 * database lets only confidential clients have this grant.
 *
 * @throws ServiceError `invalid_scope`
 */
export async function grantClientCredentials(
  parameters: TokenParameters,
  client: Client,
  _context: AuthContext,
): Promise<Granted> {
  const { clientId, scopes, generation: gen } = client
  const scope = grantScope(parameters.scope, scopes)
  if (scope === null) throw new ServiceError('invalid_scope')
  return { sub: clientSubject(clientId), clientId, scope, gen }
}
