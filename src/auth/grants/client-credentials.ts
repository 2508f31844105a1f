import type { AuthContext } from '../context.js'
import { effectiveAtIssue } from '../effective.js'
import { loadCatalogue } from '../resources/catalogue.js'
import { tokenTerms } from '../resources/resource-store.js'
import { chooseTarget, requireGranted, scopeFor } from '../resources/target.js'
import { grantScope, maxScopeLength, splitScope } from '../scope.js'
import { statusOf, takeEntry } from '../status/token-status.js'
import { type Client, ownClaims } from '../store/clients.js'
import type { Granted, TokenParameters } from './grant.js'
import { invalidScope } from './invalid-scope.js'

/**
 * Implements the client credentials grant (RFC 6749 §4.4): a token for the client itself, without a refresh token. A
 * check in the database reserves this grant for confidential clients.
 *
 * @throws ServiceError `invalid_target`, `invalid_scope`
 */
export async function grantClientCredentials(
  parameters: TokenParameters,
  client: Client,
  context: AuthContext,
): Promise<Granted> {
  const allowed = effectiveAtIssue(null, client).scope
  const catalogue = await loadCatalogue(context)
  const target = chooseTarget(parameters, catalogue, context.issuer)
  const byDefault = requireGranted(target, parameters, allowed, catalogue)
  const granted = grantScope(parameters.scope, allowed, byDefault)
  if (granted === null || granted.length > maxScopeLength) throw invalidScope(parameters.scope, allowed)
  const scope = scopeFor(target, splitScope(granted), catalogue).join(' ')
  if (parameters.scope !== undefined && scope === '') throw invalidScope(granted, byDefault)
  const entry = await takeEntry({ client, resource: target, scope, ofUsers: false }, context)
  return { ...ownClaims(client), scope, ...tokenTerms(target), ...statusOf(entry, context) }
}
