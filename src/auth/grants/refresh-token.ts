import { eventOf, type RequestSource } from '../../audit/event.js'
import { recordEvent } from '../../audit/event-store.js'
import { ServiceError } from '../../errors.js'
import type { AuthContext } from '../context.js'
import { effective } from '../effective.js'
import { loadCatalogue } from '../resources/catalogue.js'
import { tokenTerms } from '../resources/resource-store.js'
import { chooseRefreshTarget, requireGranted, type Target } from '../resources/target.js'
import { grantScope, splitScope } from '../scope.js'
import { descendantOf, fingerprint, successorOf } from '../secrets.js'
import type { StatusEntry } from '../status/supply.js'
import { statusOf, takeEntry } from '../status/token-status.js'
import type { Client } from '../store/clients.js'
import { extendFamily, revokeReusedFamily } from '../store/families.js'
import { type FoundRefreshToken, findNewestWithinGrace, rotateRefreshToken } from '../store/refresh-tokens.js'
import { type BlockHolder, holderKey } from '../store/status-blocks.js'
import { storeEntry } from '../store/status-entries.js'
import { userSubject } from '../subject.js'
import type { Granted, TokenParameters } from './grant.js'
import { invalidScope } from './invalid-scope.js'
import { newPasswordRequired } from './new-password-required.js'

/**
 * Implements the refresh token grant (RFC 6749 §6) with rotation (RFC 9700 §4.14.2). A refresh token is in one of these
 * states:
 *
 * | state                     | response                                                                               |
 * | ------------------------- | -------------------------------------------------------------------------------------- |
 * | unused                    | rotated: a new access token and the successor                                          |
 * | used, in the grace period | the unused token of the family: the response was lost, or another tab has been quicker |
 * | used earlier              | treated as stolen: its family is revoked                                               |
 *
 * A reuse revokes the family whatever else is wrong with the request. The new access token has as much of the scope as is
 * effective now and belongs to its audience, which can be another one than at the login (RFC 8707 §2.2). The family keeps its
 * own scope and resource.
 *
 * @throws ServiceError `invalid_parameter`, `invalid_refresh_token`, `foreign_token`, `invalid_target`, `invalid_scope`
 */
export async function grantRefreshToken(
  parameters: TokenParameters,
  client: Client,
  context: AuthContext,
  source: RequestSource,
): Promise<Granted> {
  const { refresh_token: presented } = parameters
  if (presented === undefined) throw new ServiceError('invalid_parameter')
  const { refreshes } = context.metrics
  const found = await requireRefreshToken(fingerprint(presented), context)
  if (found.clientId !== client.clientId) {
    refreshes.add({ outcome: 'foreign' })
    throw new ServiceError('foreign_token')
  }
  // A request that is refused leaves its token unused.
  const plan = found.isUsed ? null : await planToken(parameters, found, client, context)
  const successor = plan && (await rotate(presented, plan, context))
  const refreshToken = successor ?? (await findDescendant(presented, context))
  if (refreshToken === null) return refuseReuse(presented, found, context, source)
  const stored =
    plan && successor !== null ? plan : await planFurtherToken(parameters, found, client, context)
  const { resource, scope, entry, current } = await settlePlan(
    stored,
    refreshToken,
    parameters,
    client,
    context,
  )
  const terms = tokenTerms(resource)
  if (terms.ttlSeconds) await extendFamily(found.familyId, terms.ttlSeconds, context.database)
  refreshes.add({ outcome: successor === null ? 'replayed' : 'rotated' })
  return {
    sub: userSubject(current, resource),
    clientId: client.clientId,
    scope,
    sid: found.familyId,
    ...terms,
    ...statusOf(entry, context),
    refreshToken,
  }
}

/** @throws ServiceError `invalid_refresh_token` when the token is unknown */
async function requireRefreshToken(
  token: Buffer,
  { findRefreshToken, metrics }: AuthContext,
): Promise<FoundRefreshToken> {
  const found = await findRefreshToken(token)
  if (!found) {
    metrics.refreshes.add({ outcome: 'unknown' })
    throw new ServiceError('invalid_refresh_token')
  }
  return found
}

/** An access token to be issued. */
interface TokenPlan extends BlockHolder {
  resource: Target
  /** Its entry in a status list; null without one. */
  entry: StatusEntry | null
}

/** Decides what the access token is for, and takes its entry. */
async function planToken(
  parameters: TokenParameters,
  found: FoundRefreshToken,
  client: Client,
  context: AuthContext,
): Promise<TokenPlan> {
  const holder = { client, ...(await narrowScope(parameters, found, context)), ofUsers: true }
  return { ...holder, entry: await takeEntry(holder, context) }
}

/** Plans a token that is not issued with a new refresh token, and stores its entry. */
async function planFurtherToken(
  parameters: TokenParameters,
  found: FoundRefreshToken,
  client: Client,
  context: AuthContext,
): Promise<TokenPlan> {
  const plan = await planToken(parameters, found, client, context)
  if (plan.entry) await storeEntry(plan.entry, found.familyId, lifetimeOf(plan, context), context.database)
  return plan
}

/**
 * Decides again once the entry is stored, as the user or the client may have changed since the plan was made. What changes
 * afterwards finds the entry. A plan that is out of date is replaced.
 */
async function settlePlan(
  stored: TokenPlan,
  refreshToken: string,
  parameters: TokenParameters,
  client: Client,
  context: AuthContext,
): Promise<TokenPlan & { current: FoundRefreshToken }> {
  let plan = stored
  for (;;) {
    const current = await requireRefreshToken(fingerprint(refreshToken), context)
    const decided = { ...plan, ...(await narrowScope(parameters, current, context)) }
    if (holderKey(decided) === holderKey(plan)) return { ...plan, current }
    plan = await planFurtherToken(parameters, current, client, context)
  }
}

/** Returns the lifetime of a planned token (seconds). */
function lifetimeOf({ resource }: TokenPlan, { config }: AuthContext): number {
  return resource?.tokenTtlSeconds ?? config.accessTokenTtlSeconds
}

/** Returns the successor of an unused token, or null if the token cannot be rotated. */
async function rotate(presented: string, plan: TokenPlan, context: AuthContext): Promise<string | null> {
  const { config, database, readMacKey } = context
  const refreshToken = successorOf(presented, await readMacKey())
  const successor = {
    token: fingerprint(refreshToken),
    entry: plan.entry,
    ttlSeconds: lifetimeOf(plan, context),
  }
  return (await rotateRefreshToken(fingerprint(presented), successor, config, database)) ? refreshToken : null
}

/**
 * Returns the unused token of a family, given a used one in its grace period. Returns null for a token used earlier, and if
 * the unused token was not derived from the given one.
 */
async function findDescendant(
  presented: string,
  { config, database, readMacKey }: AuthContext,
): Promise<string | null> {
  const newest = await findNewestWithinGrace(fingerprint(presented), config, database)
  return newest && descendantOf(presented, newest, await readMacKey())
}

/**
 * Refuses a token that can be neither rotated nor followed to a descendant. One that was used before its grace period is a
 * reuse, which revokes the family.
 *
 * @throws ServiceError `invalid_refresh_token`, always
 */
async function refuseReuse(
  presented: string,
  { userId, username }: FoundRefreshToken,
  { config, database, changes, metrics }: AuthContext,
  source: RequestSource,
): Promise<never> {
  const isRevoked = await revokeReusedFamily(fingerprint(presented), config, database)
  metrics.refreshes.add({ outcome: isRevoked ? 'reused' : 'expired' })
  await changes.sync()
  const reuse = { action: 'refresh_reuse', outcome: 'failed', actor: null } as const
  if (isRevoked) await recordEvent(eventOf(reuse, { id: userId, username }, source), database)
  throw new ServiceError('invalid_refresh_token')
}

/**
 * Returns the resource of a refresh, and the part of the requested scope that belongs to it and is effective now.
 *
 * @throws ServiceError `invalid_refresh_token` when the family is no longer active; `invalid_target` when the resource is
 * not granted; `invalid_scope` when nothing is left, or more is requested than was granted at the login
 */
async function narrowScope(
  parameters: TokenParameters,
  found: FoundRefreshToken,
  context: AuthContext,
): Promise<{ resource: Target; scope: string }> {
  const granted = splitScope(found.scope)
  const now = effective({ claims: { client_id: found.clientId }, scope: granted }, found.facts)
  const isActive = found.isTimely && now.active
  if (!isActive) context.metrics.refreshes.add({ outcome: 'expired' })
  if (found.isTimely && now.reason === 'password_change_required')
    throw newPasswordRequired('invalid_refresh_token', 'log in again to change it')
  if (!isActive) throw new ServiceError('invalid_refresh_token')
  const catalogue = await loadCatalogue(context)
  const target = chooseRefreshTarget(parameters, found.resourceId, catalogue, context.issuer)
  const available = requireGranted(target, parameters, now.scope, catalogue)
  const wanted = grantScope(parameters.scope, granted)
  if (!wanted) throw invalidScope(parameters.scope, granted)
  const scope = splitScope(wanted).filter((one) => available.includes(one))
  if (scope.length === 0) throw invalidScope(wanted, available)
  return { resource: target, scope: scope.join(' ') }
}
