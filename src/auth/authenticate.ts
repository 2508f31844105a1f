import type { FastifyInstance, FastifyReply, FastifyRequest, FastifySchema } from 'fastify'
import { ServiceError } from '../errors.js'
import { errorResponses } from '../http/error-responses.js'
import { type CurrentUser, findOwner } from '../users/user-store.js'
import { readBearerToken } from './access-token.js'
import type { AuthContext } from './context.js'
import { loadStanding, type Standing } from './current.js'
import { includesScope, passwordScope } from './scope.js'
import { verifyPresentedToken } from './verify.js'

declare module 'fastify' {
  interface FastifyInstance {
    /** Lets a request pass only for the enabled user of a good access token that has the route's scope. */
    authenticate(request: FastifyRequest): Promise<void>
    /** Lets a request pass for a caller who may deal with the items of the user that its path names. */
    authenticateForOwner(request: FastifyRequest): Promise<void>
  }
  interface FastifyRequest {
    /** The caller, as the database has it now. Only in scopes that authenticate a user. */
    currentUser: CurrentUser
    /** The `sub` of the caller. */
    callerSubject: string
    /** Whose things are asked for. Only in scopes of owners. */
    owner: Pick<CurrentUser, 'id' | 'username'>
  }
  interface FastifyContextConfig {
    /** The scope-token that a route behind `authenticate` asks for. */
    scope?: string
  }
}

/** Makes the hook behind `app.authenticate`; it sets `request.currentUser`, who is the `request.owner` too. */
export function makeAuthenticate(context: AuthContext) {
  return async function authenticate(request: FastifyRequest): Promise<void> {
    const { sub, standing } = await authenticateCaller(request, context)
    const { user } = standing
    if (!user) throw new ServiceError('invalid_token')
    requireScope(request.routeOptions.config.scope, standing)
    request.callerSubject = sub
    request.currentUser = user
    request.owner = user
  }
}

/**
 * Makes the hook behind `app.authenticateForOwner`, for routes below the name of a user: it lets that user pass, users
 * who are administrators of items, and clients that have the route's scope. It sets `request.owner`.
 */
export function makeAuthenticateForOwner(context: AuthContext) {
  return async function authenticateForOwner(request: FastifyRequest): Promise<void> {
    const { sub, standing } = await authenticateCaller(request, context)
    const { user } = standing
    const { username } = request.params as { username: string }
    const isAnother = user !== null && user.username !== username
    const required = isAnother ? 'items:admin' : request.routeOptions.config.scope
    requireScope(required, standing)
    const owner = isAnother || !user ? await findOwner(username, context.database) : user
    if (!owner) throw new ServiceError('not_found')
    request.callerSubject = sub
    request.owner = owner
  }
}

/** @throws ServiceError `not_authenticated`, `invalid_token`, `inactive_user` */
async function authenticateCaller(
  { headers }: FastifyRequest,
  context: AuthContext,
): Promise<{ sub: string; standing: Standing }> {
  const token = readBearerToken(headers.authorization)
  if (token === null) throw new ServiceError('not_authenticated')
  const access = await verifyPresentedToken(token, context, Date.now() / 1000)
  if (!access) throw new ServiceError('invalid_token')
  const standing = await loadStanding(access, context)
  const { reason } = standing
  if (reason === 'invalid_token' || reason === 'inactive_user') throw new ServiceError(reason)
  return { sub: access.claims.sub, standing }
}

/**
 * Lets a token pass that has the route's scope (RFC 6750 §3.1). A route that names no scope lets nobody pass.
 *
 * @throws ServiceError `insufficient_scope`, `password_change_required`
 */
function requireScope(required = '', { scope, reason }: Standing): void {
  if (includesScope(scope, required)) return
  if (reason === 'password_change_required' && required !== passwordScope) throw new ServiceError(reason)
  throw new ServiceError('insufficient_scope', {
    'www-authenticate': `Bearer error="insufficient_scope", scope="${required}"`,
  })
}

/** Guards every route of a scope with `authenticate` and says so in the OpenAPI document. */
export function requireUser(scope: FastifyInstance): void {
  guard(scope, scope.authenticate)
}

/** Guards every route of a scope with `authenticateForOwner` and says so in the OpenAPI document. */
export function requireOwner(scope: FastifyInstance): void {
  guard(scope, scope.authenticateForOwner)
}

/** What is meant for one caller is no cache's to keep (RFC 9111 §5.2.2.5). */
function forbidStorage(_request: FastifyRequest, reply: FastifyReply, done: () => void): void {
  reply.header('cache-control', 'no-store')
  done()
}

function guard(scope: FastifyInstance, authenticate: FastifyInstance['authenticate']): void {
  scope.addHook('onRequest', forbidStorage)
  scope.addHook('onRequest', authenticate)
  scope.addHook('onRoute', function documentGuard(route) {
    const schema = route.schema as FastifySchema
    route.schema = {
      ...schema,
      security: [{ OAuth2PasswordBearer: [] }],
      response: {
        ...(schema.response as object),
        ...errorResponses(
          'inactive_user',
          'not_authenticated',
          'invalid_token',
          'insufficient_scope',
          'password_change_required',
          'internal_error',
          'service_unavailable',
        ),
      },
    }
  })
}
