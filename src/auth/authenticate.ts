import type { FastifyInstance, FastifyReply, FastifyRequest, FastifySchema } from 'fastify'
import { type ErrorCode, ServiceError } from '../errors.js'
import { isFrozen } from '../http/tutorial-surface.js'
import { findOwner } from '../users/store/accounts.js'
import type { CurrentUser } from '../users/store/profile.js'
import { readBearerToken } from './access-token.js'
import { countChecks } from './check-metrics.js'
import type { AuthContext } from './context.js'
import { loadStandingAt, type Standing } from './current.js'
import { documentGuard } from './document-guard.js'
import { metadataUrl } from './resources/metadata-url.js'
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

/** Scope that requests for the items of another user require. */
const otherOwnerScope = 'items:admin'

/** Creates the hook `app.authenticate`. It sets `request.currentUser` and makes that user the `request.owner`. */
export function createAuthenticate(context: AuthContext) {
  return countChecks('route', context, async function authenticate(request) {
    const { sub, standing } = await authenticateCaller(request, context)
    const { user } = standing
    if (!user) throw challenge('invalid_token', request, context)
    requireScope(request.routeOptions.config.scope, standing, request, context)
    request.callerSubject = sub
    request.currentUser = user
    request.owner = user
  })
}

/**
 * Creates the hook `app.authenticateForOwner`, for routes below a username. It accepts that user and clients with the scope
 * of the route, and other users with the scope `items:admin`. It sets `request.owner`.
 */
export function createAuthenticateForOwner(context: AuthContext) {
  return countChecks('route', context, async function authenticateForOwner(request) {
    const { sub, standing } = await authenticateCaller(request, context)
    const { user } = standing
    const { username } = request.params as { username: string }
    const isAnother = user !== null && user.username !== username
    const required = isAnother ? otherOwnerScope : request.routeOptions.config.scope
    requireScope(required, standing, request, context)
    const owner = isAnother || !user ? await findOwner(username, context.database) : user
    if (!owner) throw new ServiceError('not_found')
    request.callerSubject = sub
    request.owner = owner
  })
}

/**
 * Returns the subject of the bearer token of a request, and what the token permits now.
 *
 * @throws ServiceError `not_authenticated`, `invalid_token`, `inactive_user`
 */
async function authenticateCaller(
  request: FastifyRequest,
  context: AuthContext,
): Promise<{ sub: string; standing: Standing }> {
  const token = readBearerToken(request.headers.authorization)
  if (token === null) throw challenge('not_authenticated', request, context)
  const access = await verifyPresentedToken(token, context, Date.now() / 1000)
  if (!access) throw challenge('invalid_token', request, context)
  await context.logCaller(request, { sub: access.claims.sub, clientId: access.claims.client_id })
  const standing = await loadStandingAt(null, access, context)
  const { reason } = standing
  if (reason === 'invalid_token') throw challenge(reason, request, context)
  if (reason === 'inactive_user') throw new ServiceError(reason)
  return { sub: access.claims.sub, standing }
}

/**
 * Requires the scope of the route (RFC 6750 §3.1). A route without a scope accepts no token.
 *
 * @throws ServiceError `insufficient_scope`, `password_change_required`
 */
function requireScope(
  required = '',
  { scope, reason }: Standing,
  request: FastifyRequest,
  context: AuthContext,
): void {
  if (includesScope(scope, required)) return
  if (reason === 'password_change_required' && required !== passwordScope) throw new ServiceError(reason)
  const attributes = ['error="insufficient_scope"', `scope="${required}"`]
  throw challenge('insufficient_scope', request, context, attributes)
}

/**
 * Returns an error with its challenge (RFC 6750 §3). Except at the tutorial's operations, the challenge also names the URL
 * of the metadata of this service (RFC 9728 §5.1).
 */
function challenge(
  code: ErrorCode,
  request: FastifyRequest,
  { issuer }: AuthContext,
  attributes: string[] = [],
): ServiceError {
  const metadata = issuer && !isFrozen(request) ? [`resource_metadata="${metadataUrl(issuer.iss)}"`] : []
  const stated = [...attributes, ...metadata].join(', ')
  return new ServiceError(code, { 'www-authenticate': `Bearer ${stated}`.trim() })
}

/** Guards every route of a plugin with `authenticate` and documents it in OpenAPI. */
export function requireUser(app: FastifyInstance): void {
  guard(app, app.authenticate)
}

/** Guards every route of a plugin with `authenticateForOwner` and documents it in OpenAPI. */
export function requireOwner(app: FastifyInstance): void {
  guard(app, app.authenticateForOwner, otherOwnerScope)
}

/** Keeps caches from storing a response, as it is meant for one caller (RFC 9111 §5.2.2.5). */
export function forbidStorage(_request: FastifyRequest, reply: FastifyReply, done: () => void): void {
  reply.header('cache-control', 'no-store')
  done()
}

function guard(
  app: FastifyInstance,
  authenticate: FastifyInstance['authenticate'],
  scopeForOthers?: string,
): void {
  app.addHook('onRequest', forbidStorage)
  app.addHook('onRequest', authenticate)
  app.addHook('onRoute', function documentRoute(route) {
    const scope = route.config?.scope as string
    route.schema = documentGuard(route.schema as FastifySchema, { scope, scopeForOthers })
  })
}
