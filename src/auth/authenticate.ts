import type { FastifyInstance, FastifyRequest, FastifySchema } from 'fastify'
import { errorResponses, ServiceError } from '../errors.js'
import { type CurrentUser, findUser } from '../users/store.js'
import { readAccessToken, readBearerToken, type VerifiedJws } from './access-token.js'

declare module 'fastify' {
  interface FastifyInstance {
    /** Lets a request pass only for the enabled user of a good access token. */
    authenticate(request: FastifyRequest): Promise<void>
  }
  interface FastifyRequest {
    /** The caller, as the database has it now. Only in scopes that authenticate. */
    currentUser: CurrentUser
  }
}

/** The hook behind `app.authenticate`; sets `request.currentUser`. */
export async function authenticate(this: FastifyInstance, request: FastifyRequest): Promise<void> {
  const token = readBearerToken(request.headers.authorization)
  if (token === null) throw new ServiceError('not_authenticated')
  const claims = readAccessToken(token, (jws) => this.jwt.verify<VerifiedJws>(jws), Date.now() / 1000)
  const user = claims && (await findUser(claims.sub, this.database))
  if (!user) throw new ServiceError('invalid_token')
  if (user.disabled) throw new ServiceError('inactive_user')
  request.currentUser = user
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
          'internal_error',
          'service_unavailable',
        ),
      },
    }
  })
}
