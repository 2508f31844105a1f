import { randomUUID } from 'node:crypto'
import { eventOf, type RequestSource } from '../../audit/event.js'
import { recordEvent } from '../../audit/event-store.js'
import { ServiceError } from '../../errors.js'
import { needsRehash } from '../../passwords/bcrypt.js'
import { type Credentials, findCredentials, replaceHash } from '../../users/user-store.js'
import type { AuthContext } from '../context.js'
import { effectiveAtIssue, isLockedOut, stillCounts } from '../effective.js'
import { grantScope, userScopes } from '../scope.js'
import { fingerprint, newRefreshToken } from '../secrets.js'
import { type Client, findClient } from '../store/clients.js'
import { startFamily } from '../store/families.js'
import type { Granted, TokenParameters } from './index.js'

/**
 * The resource owner password credentials grant (RFC 6749 §4.3). Administrative scopes are given when asked for by name.
 * A user who must change the password gets a token for that alone, whatever was asked for.
 *
 * Without a `grant_type` it is the tutorial's login, which ignores what scope is asked for. There a disabled user passes
 * too, with a token that is good for nothing: the protected routes say `Inactive user` to it.
 *
 * @throws ServiceError `invalid_scope`; `incorrect_credentials`, the same for an unknown user as for a wrong password
 */
export async function grantPassword(
  parameters: TokenParameters,
  client: Client,
  context: AuthContext,
  origin: RequestSource,
): Promise<Granted> {
  const { grant_type, username = '', password = '' } = parameters
  const user = await findUserByPassword(username, password, grant_type !== undefined, context, origin)
  return grantChecked(parameters, user, client, context, origin)
}

/** Decides again when what it was decided on has changed before the log-in was stored. */
async function grantChecked(
  parameters: TokenParameters,
  user: Credentials,
  client: Client,
  context: AuthContext,
  origin: RequestSource,
): Promise<Granted> {
  const { grant_type, scope: asked } = parameters
  const { clientId } = client
  const { scope: allowed, reason } = effectiveAtIssue(user, client)
  if (reason === 'inactive_user') {
    await recordEvent(eventOf(failedLogIn, user, origin), context.database)
    return { sub: user.username, clientId, scope: '', sid: randomUUID(), isForNobody: true }
  }
  const mustChange = reason === 'password_change_required'
  const scope = mustChange ? allowed.join(' ') : grantScope(grant_type && asked, allowed, userScopes)
  if (!scope) throw new ServiceError('invalid_scope')
  const refreshToken = isRefreshable(client, context) && !mustChange ? newRefreshToken() : undefined
  const logIn = {
    id: randomUUID(),
    user,
    client,
    scope,
    refreshToken: refreshToken ? fingerprint(refreshToken) : null,
  }
  if (!(await startFamily(logIn, context.config, context.database))) {
    const changed = await readAgain(user, client, context)
    return grantChecked(parameters, changed.user, changed.client, context, origin)
  }
  const logged = { action: 'login', outcome: 'ok', actor: user.username } as const
  await recordEvent(eventOf(logged, user, origin), context.database)
  return { sub: user.username, clientId, scope, sid: logIn.id, ...(refreshToken && { refreshToken }) }
}

/**
 * The user and the client as they are now.
 *
 * @throws ServiceError unless the password that was checked and the client's authentication still count:
 * `incorrect_credentials`, `invalid_client`
 */
async function readAgain(user: Credentials, client: Client, { database }: AuthContext) {
  const userNow = await findCredentials(user.username, database)
  if (!stillCounts(user, userNow) || userNow.id !== user.id) throw new ServiceError('incorrect_credentials')
  const clientNow = await findClient(client.clientId, database)
  if (!stillCounts(client, clientNow) || !clientNow.grants.includes('password'))
    throw new ServiceError('invalid_client')
  return { user: userNow, client: clientNow }
}

/** A name that is nobody's is not kept: people type passwords into the wrong field. */
const failedLogIn = { action: 'login', outcome: 'failed', actor: null } as const

function isRefreshable({ grants }: Client, { config }: AuthContext): boolean {
  return [grants, config.allowedGrants].every((allowed) => allowed.includes('refresh_token'))
}

/** @param refusesLockedOut whether a disabled user is answered as one who is not there */
async function findUserByPassword(
  username: string,
  password: string,
  refusesLockedOut: boolean,
  { config, database, passwords }: AuthContext,
  origin: RequestSource,
) {
  passwords.requireCapacity()
  const user = await findCredentials(username, database)
  const { address } = origin
  const hash = user && refusesLockedOut && isLockedOut(user) ? undefined : user?.hashedPassword
  const correct = await passwords.check({ username, password, hash, address })
  if (!user || !correct) {
    await recordEvent(eventOf(failedLogIn, user, origin), database)
    throw new ServiceError('incorrect_credentials')
  }
  if (needsRehash(user.hashedPassword, config.bcryptCost))
    await replaceHash(user.username, user.hashedPassword, await passwords.hash(password), database)
  return user
}
