import type { FastifyInstance, FastifyRequest, FastifySchema } from 'fastify'
import { errorResponses, ServiceError } from '../errors.js'
import type { CurrentUser } from '../users/store.js'
import { readBearerToken, scopeOf } from './access-token.js'
import type { AuthContext } from './context.js'
import { splitScope } from './scope.js'
import { findSubject } from './store/subjects.js'
import { verifyAccessToken } from './verify.js'

declare module 'fastify' {
  interface FastifyInstance {
    /** Lets a request pass only for the enabled user of a good access token that has the route's scope. */
    authenticate(request: FastifyRequest): Promise<void>
  }
  interface FastifyRequest {
    /** The caller, as the database has it now. Only in scopes that authenticate. */
    currentUser: CurrentUser
  }
  interface FastifyContextConfig {
    /** The scope-token that a route behind `authenticate` asks for. */
    scope?: string
  }
}

/** Makes the hook behind `app.authenticate`; it sets `request.currentUser`. */
export function makeAuthenticate({ keyRing, issuer, database }: AuthContext) {
  return async function authenticate(request: FastifyRequest): Promise<void> {
    const token = readBearerToken(request.headers.authorization)
    if (token === null) throw new ServiceError('not_authenticated')
    const access = await verifyAccessToken(token, keyRing, issuer, Date.now() / 1000)
    const subject = access && (await findSubject(access.claims, access.fingerprint, database))
    if (!access || !subject?.user) throw new ServiceError('invalid_token')
    if (subject.user.disabled) throw new ServiceError('inactive_user')
    if (subject.revoked) throw new ServiceError('invalid_token')
    requireScope(request.routeOptions.config.scope, scopeOf(access.claims))
    request.currentUser = subject.user
  }
}

/** RFC 6750 §3.1. */
function requireScope(required: string | undefined, granted: string): void {
  if (required === undefined || splitScope(granted).includes(required)) return
  throw new ServiceError('insufficient_scope', {
    'www-authenticate': `Bearer error="insufficient_scope", scope="${required}"`,
  })
}

/** Guards every route of a scope with `authenticate` and says so in the OpenAPI document. */
export function requireUser(scope: FastifyInstance): void {
  scope.addHook('onRequest', scope.authenticate)
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
          'internal_error',
          'service_unavailable',
        ),
      },
    }
  })
}
