import { randomUUID } from 'node:crypto'
import { ServiceError } from '../../errors.js'
import { eventOf, type Origin } from '../../events/event.js'
import { recordEvent } from '../../events/store.js'
import { needsRehash } from '../../passwords/bcrypt.js'
import { findCredentials, replaceHash } from '../../users/store.js'
import type { AuthContext } from '../context.js'
import { grantScope, userScopes } from '../scope.js'
import { fingerprint, newRefreshToken } from '../secrets.js'
import type { Client } from '../store/clients.js'
import { startFamily } from '../store/families.js'
import type { Granted, TokenParameters } from './index.js'

/**
 * The resource owner password credentials grant (RFC 6749 §4.3). Without a `grant_type` it is the tutorial's log-in,
 * which takes any scope and gives all. A disabled user passes too, as in the tutorial: the protected routes refuse him.
 *
 * @throws ServiceError `invalid_scope`; `incorrect_credentials`, the same for an unknown user as for a wrong password
 */
export async function grantPassword(
  { grant_type, scope: asked, username = '', password = '' }: TokenParameters,
  client: Client,
  context: AuthContext,
  origin: Origin,
): Promise<Granted> {
  const user = await findUserByPassword(username, password, context, origin)
  const allowed = [...userScopes, ...user.scopes].filter((one) => client.scopes.includes(one))
  const scope = grantScope(grant_type ? asked : undefined, allowed)
  if (!scope) throw new ServiceError('invalid_scope')
  const refreshToken = isRefreshable(client, context) && !user.disabled ? newRefreshToken() : undefined
  const { clientId, generation: clientGeneration } = client
  const logIn = {
    id: randomUUID(),
    userId: user.id,
    userGeneration: user.generation,
    clientId,
    clientGeneration,
    scope,
    refreshToken: refreshToken ? fingerprint(refreshToken) : null,
  }
  if (!(await startFamily(logIn, context.config, context.database)))
    throw new ServiceError('incorrect_credentials')
  const logged = { action: 'login', outcome: 'ok', actor: user.username } as const
  await recordEvent(eventOf(logged, user, origin), context.database)
  return { sub: user.username, clientId, scope, sid: logIn.id, ...(refreshToken && { refreshToken }) }
}

function isRefreshable({ grants }: Client, { config }: AuthContext): boolean {
  return [grants, config.allowedGrants].every((allowed) => allowed.includes('refresh_token'))
}

async function findUserByPassword(
  username: string,
  password: string,
  { config, database, passwords }: AuthContext,
  origin: Origin,
) {
  passwords.requireRoom()
  const user = await findCredentials(username, database)
  const { address } = origin
  const correct = await passwords.check({ username, password, hash: user?.hashedPassword, address })
  if (!user || !correct) {
    // A name that is nobody's is not kept: people type passwords into the wrong field.
    await recordEvent(eventOf({ action: 'login', outcome: 'failed', actor: null }, user, origin), database)
    throw new ServiceError('incorrect_credentials')
  }
  if (needsRehash(user.hashedPassword, config.bcryptCost))
    await replaceHash(user.username, user.hashedPassword, await passwords.hash(password), database)
  return user
}
