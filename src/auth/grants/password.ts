import { randomUUID } from 'node:crypto'
import { eventOf, type RequestSource } from '../../audit/event.js'
import { recordEvent } from '../../audit/event-store.js'
import { type Credentials, findCredentials } from '../../users/store/credentials.js'
import { nobody } from '../access-token.js'
import type { AuthContext } from '../context.js'
import { effectiveAtIssue, stillCounts } from '../effective.js'
import { loadCatalogue } from '../resources/catalogue.js'
import { tokenTerms } from '../resources/resource-store.js'
import {
  chooseTarget,
  requireGranted,
  scopeFor,
  type Target,
  type TargetParameters,
} from '../resources/target.js'
import { grantScope, maxScopeLength, passwordScope, splitScope, userScopes } from '../scope.js'
import { fingerprint, newRefreshToken } from '../secrets.js'
import { OutdatedHolder } from '../status/outdated-holder.js'
import { statusOf, takeEntry } from '../status/token-status.js'
import { type Client, findClient } from '../store/clients.js'
import { startFamily } from '../store/families.js'
import { userSubject } from '../subject.js'
import { authenticateUser, failedLogin } from './authenticate-user.js'
import type { Granted, TokenParameters } from './grant.js'
import { invalidScope } from './invalid-scope.js'
import { newPasswordRequired } from './new-password-required.js'

/**
 * Implements the resource owner password credentials grant (RFC 6749 §4.3). Administrative scopes are granted only when
 * requested by name. A user who must change the password gets a token for that alone, whatever scope is requested. It is for
 * this service, so that a request that names another resource is refused with the reason (RFC 8707 §2).
 *
 * The login keeps everything that is granted, even scopes of several resources. Each of its access tokens has the part for
 * one resource.
 *
 * Without a `grant_type` this is the tutorial's login, which ignores the requested scope and resource. It also accepts a
 * disabled user, with a token that permits nothing: the protected routes answer it with `Inactive user`.
 *
 * @throws ServiceError `invalid_target`, `invalid_scope`; `incorrect_credentials`, for an unknown user as for a wrong password
 * @throws OutdatedHolder when what was authenticated has changed before the token was issued
 */
export async function grantPassword(
  parameters: TokenParameters,
  client: Client,
  context: AuthContext,
  source: RequestSource,
): Promise<Granted> {
  const { grant_type, username = '', password = '' } = parameters
  const user = await authenticateUser(username, password, grant_type !== undefined, context, source)
  return grantAuthenticated(parameters, user, client, context, source)
}

/** Grants a login whose password is correct. If the user or the client changes in the meantime, it decides again. */
async function grantAuthenticated(
  parameters: TokenParameters,
  user: Credentials,
  client: Client,
  context: AuthContext,
  source: RequestSource,
): Promise<Granted> {
  const { clientId } = client
  const { scope: allowed, reason } = effectiveAtIssue(user, client)
  if (reason === 'inactive_user') {
    await recordEvent(eventOf(failedLogin, user, source), context.database)
    return { sub: user.username, clientId, scope: '', sid: randomUUID(), audience: { aud: nobody } }
  }
  const mustChange = reason === 'password_change_required'
  const requested = requestedBy(parameters)
  const { target, granted, scope } = mustChange
    ? await decidePasswordChange(requested, allowed, context)
    : await decideScope(requested, allowed, context)
  const refreshToken = isRefreshable(client, context) && !mustChange ? newRefreshToken() : undefined
  const entry = await takeEntry({ client, resource: target, scope, ofUsers: true }, context)
  const login = {
    id: randomUUID(),
    user,
    client,
    scope: granted,
    resource: target,
    refreshToken: refreshToken ? fingerprint(refreshToken) : null,
    entry,
  }
  if (!(await startFamily(login, context.config, context.database))) {
    const changed = await readAgain(user, client, context)
    return grantAuthenticated(parameters, changed.user, changed.client, context, source)
  }
  const succeeded = { action: 'login', outcome: 'ok', actor: user.username } as const
  await recordEvent(eventOf(succeeded, user, source), context.database)
  const sub = userSubject(user, target)
  return {
    sub,
    clientId,
    scope,
    sid: login.id,
    ...tokenTerms(target),
    ...statusOf(entry, context),
    ...(refreshToken && { refreshToken }),
  }
}

/** Returns what a login requests. */
function requestedBy({ grant_type, resource, scope }: TokenParameters): TargetParameters {
  return grant_type === undefined ? {} : { resource, scope }
}

/** Resource of a login, what is granted, and the scope of its first access token: the part for that resource. */
interface Decision {
  target: Target
  granted: string
  scope: string
}

/**
 * Decides on the login of a user who must change the password. The requested scope is ignored.
 *
 * @param allowed `account:password`, or nothing if the client does not have it
 * @throws ServiceError `invalid_target`, `invalid_scope`
 */
async function decidePasswordChange(
  { resource }: TargetParameters,
  allowed: readonly string[],
  context: AuthContext,
): Promise<Decision> {
  const target = chooseTarget({ resource }, await loadCatalogue(context), context.issuer)
  if (target) throw newPasswordRequired('invalid_target', 'request the token to change it without resource')
  if (allowed.length === 0)
    throw newPasswordRequired('invalid_scope', `the client lacks the scope ${passwordScope} to change it`)
  return { target, granted: passwordScope, scope: passwordScope }
}

/** @throws ServiceError `invalid_target`, `invalid_scope` */
async function decideScope(
  requested: TargetParameters,
  allowed: readonly string[],
  context: AuthContext,
): Promise<Decision> {
  const catalogue = await loadCatalogue(context)
  const target = chooseTarget(requested, catalogue, context.issuer)
  const ofTarget = requireGranted(target, requested, allowed, catalogue)
  const granted = grantScope(requested.scope, allowed, target ? ofTarget : userScopes)
  if (!granted || granted.length > maxScopeLength) throw invalidScope(requested.scope, allowed)
  const scope = scopeFor(target, splitScope(granted), catalogue).join(' ')
  if (scope === '') throw invalidScope(granted, ofTarget)
  return { target, granted, scope }
}

/**
 * Reads the user and the client again, and waits for changes of resources.
 *
 * @throws OutdatedHolder when a change has ended what was authenticated before
 */
async function readAgain(user: Credentials, client: Client, { database, changes }: AuthContext) {
  await changes.sync()
  const userNow = await findCredentials(user.username, database)
  const clientNow = await findClient(client.clientId, database)
  const isSameUser = stillCounts(user, userNow) && userNow.id === user.id
  if (!isSameUser || !stillCounts(client, clientNow) || !clientNow.grants.includes('password'))
    throw new OutdatedHolder()
  return { user: userNow, client: clientNow }
}

function isRefreshable({ grants }: Client, { config }: AuthContext): boolean {
  return grants.includes('refresh_token') && config.allowedGrants.includes('refresh_token')
}
