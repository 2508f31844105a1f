import type { FastifyInstance, FastifyReply, FastifyRequest, FastifySchema } from 'fastify'
import { ServiceError } from '../errors.js'
import { errorResponses } from '../http/error-responses.js'
import { findOwner } from '../users/store/accounts.js'
import type { CurrentUser } from '../users/store/profile.js'
import { readBearerToken } from './access-token.js'
import type { AuthContext } from './context.js'
import { loadStanding, type Standing } from './current.js'
import { includesScope, passwordScope } from './scope.js'
import { verifyPresentedToken } from './verify.js'

declare module 'fastify' {
  interface FastifyInstance {
    /** Accepts a request whose access token speaks for an enabled user and has the scope of the route. */
    authenticate(request: FastifyRequest): Promise<void>
    /** Accepts a request of a caller with access to the items of the user in the path. */
    authenticateForOwner(request: FastifyRequest): Promise<void>
  }
  interface FastifyRequest {
    /** The caller as stored now. Set behind `authenticate` only. */
    currentUser: CurrentUser
    /** The `sub` of the caller. Set behind both guards. */
    callerSubject: string
    /** Owner of the requested items. Set behind both guards. */
    owner: Pick<CurrentUser, 'id' | 'username'>
  }
  interface FastifyContextConfig {
    /** Scope-token that a guarded route requires. */
    scope?: string
  }
}

/** Creates the hook `app.authenticate`. It sets `request.currentUser` and makes that user the `request.owner`. */
export function createAuthenticate(context: AuthContext) {
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
 * Creates the hook `app.authenticateForOwner`, for routes below a username. It accepts that user and clients with the scope
 * of the route, and other users with the scope `items:admin`. It sets `request.owner`.
 */
export function createAuthenticateForOwner(context: AuthContext) {
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

/**
 * Returns the subject of the bearer token of a request, and what the token permits now.
 *
 * @throws ServiceError `not_authenticated`, `invalid_token`, `inactive_user`
 */
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
 * Requires the scope of the route (RFC 6750 §3.1). A route without a scope accepts no token.
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

/** Guards every route of a plugin with `authenticate` and documents it in OpenAPI. */
export function requireUser(app: FastifyInstance): void {
  guard(app, app.authenticate)
}

/** Guards every route of a plugin with `authenticateForOwner` and documents it in OpenAPI. */
export function requireOwner(app: FastifyInstance): void {
  guard(app, app.authenticateForOwner)
}

/** Keeps caches from storing a response, as it is meant for one caller (RFC 9111 §5.2.2.5). */
function forbidStorage(_request: FastifyRequest, reply: FastifyReply, done: () => void): void {
  reply.header('cache-control', 'no-store')
  done()
}

function guard(app: FastifyInstance, authenticate: FastifyInstance['authenticate']): void {
  app.addHook('onRequest', forbidStorage)
  app.addHook('onRequest', authenticate)
  app.addHook('onRoute', function documentGuard(route) {
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
