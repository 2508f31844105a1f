import { ServiceError } from '../../errors.js'
import type { Issuer } from '../access-token.js'
import { isDisabled } from '../effective.js'
import { splitScope } from '../scope.js'
import { isOwnAudience } from './audience.js'
import { isIdentifier, withPath } from './identifier.js'
import type { Catalogue, Resource } from './resource-store.js'

/** Resource that a token is requested for; null for this service. */
export type Target = Resource | null

/** Parameters of a token request that decide its target. */
export interface TargetParameters {
  resource?: string | undefined
  scope?: string | undefined
}

/**
 * Returns the target of a token request: the resource that it names or, without one, the one that the requested scope
 * belongs to. A request for neither is for this service.
 *
 * @throws ServiceError `invalid_target`; `invalid_scope` when a scope of several resources decides
 */
export function chooseTarget(
  { resource, scope = '' }: TargetParameters,
  catalogue: Catalogue,
  issuer: Issuer | null,
): Target {
  if (resource !== undefined) return findNamed(resource, catalogue, issuer)
  const owners = ownersOf(splitScope(scope), catalogue)
  if (owners.length > 1)
    throw new ServiceError(
      'invalid_scope',
      {},
      'The scope belongs to several resources: name one as resource',
    )
  return requireAvailable(owners[0] ?? null, issuer)
}

/**
 * Returns the target of a refresh. Without a `resource`, and unless the requested scope belongs to one resource, it is the
 * resource of the login.
 *
 * @param loginResourceId id of that resource; null for this service
 * @throws ServiceError `invalid_target`
 */
export function chooseRefreshTarget(
  { resource, scope = '' }: TargetParameters,
  loginResourceId: string | null,
  catalogue: Catalogue,
  issuer: Issuer | null,
): Target {
  if (resource !== undefined) return findNamed(resource, catalogue, issuer)
  const [owner, ...others] = ownersOf(splitScope(scope), catalogue)
  if (owner !== undefined && others.length === 0) return requireAvailable(owner, issuer)
  const ofLogin = [...catalogue.byIdentifier.values()].find(({ id }) => id === loginResourceId)
  if (loginResourceId !== null && !ofLogin) throw new ServiceError('invalid_target')
  return requireAvailable(ofLogin ?? null, issuer)
}

/** Returns the scope-tokens that belong to a target. */
export function scopeFor(target: Target, scope: readonly string[], catalogue: Catalogue): string[] {
  return scope.filter((one) => ownerOf(one, catalogue) === target)
}

/**
 * Returns the allowed scope-tokens that belong to a target. Without any, the target is not granted, unless it is this
 * service and the request does not name it.
 *
 * @throws ServiceError `invalid_target`
 */
export function requireGranted(
  target: Target,
  { resource }: TargetParameters,
  allowed: readonly string[],
  catalogue: Catalogue,
): string[] {
  const scope = scopeFor(target, allowed, catalogue)
  if (scope.length === 0 && (target || resource !== undefined)) throw new ServiceError('invalid_target')
  return scope
}

/** Returns the resource that the parameter `resource` names (RFC 8707 §2). */
function findNamed(resource: string, catalogue: Catalogue, issuer: Issuer | null): Target {
  if (!isIdentifier(resource)) throw new ServiceError('invalid_target')
  if (isOwnAudience(resource, issuer)) return null
  const found = catalogue.byIdentifier.get(withPath(resource))
  if (!found) throw new ServiceError('invalid_target')
  return requireAvailable(found, issuer)
}

/**
 * Requires that tokens are issued for a target. Those of the shared secret name no audience, and a resource with an
 * identifier of this service would get tokens that are for both.
 */
function requireAvailable(target: Target, issuer: Issuer | null): Target {
  if (target && (!issuer || isDisabled(target) || isOwnAudience(target.identifier, issuer)))
    throw new ServiceError('invalid_target')
  return target
}

/** Returns the targets that some scope-tokens belong to, each once. */
function ownersOf(scope: readonly string[], catalogue: Catalogue): Target[] {
  return [...new Set(scope.map((one) => ownerOf(one, catalogue)))]
}

function ownerOf(scope: string, { byScope }: Catalogue): Target {
  return byScope.get(scope) ?? null
}
