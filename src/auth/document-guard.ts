import type { FastifySchema } from 'fastify'
import { type ErrorResponses, errorResponses, mergeResponses } from '../http/error-responses.js'
import { grantableScopes } from '../users/scopes.js'

/** Scopes that a guarded route requires. */
interface RequiredScopes {
  scope: string
  /** Scope that requests for the items of another user require instead. */
  scopeForOthers?: string | undefined
}

/** Returns the schema of a guarded route, with the scopes that it requires and the responses of the guard. */
export function documentGuard(schema: FastifySchema, required: RequiredScopes): FastifySchema {
  const responses = mergeResponses(
    schema.response as ErrorResponses,
    errorResponses(
      'inactive_user',
      'not_authenticated',
      'invalid_token',
      'insufficient_scope',
      'password_change_required',
      'internal_error',
      'service_unavailable',
    ),
  )
  return {
    ...schema,
    description: `${schema.description} ${describeScopes(required)}`,
    security: describeSecurity(required),
    response: { ...responses, 403: { ...responses[403], description: describeRefusal(required) } },
  }
}

/** Clients have access to the items of users: those routes have a scope for others. */
function describeSecurity({ scope, scopeForOthers }: RequiredScopes) {
  const users = { OAuth2PasswordBearer: [] }
  return scopeForOthers ? [users, { OAuth2ClientCredentials: [scope] }] : [users]
}

function describeScopes({ scope, scopeForOthers }: RequiredScopes): string {
  const forOthers = scopeForOthers ? `; for the items of another user, \`${scopeForOthers}\`` : ''
  return `Requires the scope \`${scope}\`${forOthers}.`
}

/** Returns the description of the response 403. It says how a user gets a scope that users do not have by default. */
function describeRefusal({ scope, scopeForOthers = scope }: RequiredScopes): string {
  const isGrantable = grantableScopes.some((grantable) => grantable === scopeForOthers)
  const advice = `To give it to johndoe, run \`latchkey users set-scopes johndoe --add ${scopeForOthers}\`, and ask for it at the next login.`
  return `Forbidden: the token lacks the scope, or the user must set a new password. ${isGrantable ? advice : ''}`.trim()
}
