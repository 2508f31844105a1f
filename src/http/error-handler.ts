import { STATUS_CODES } from 'node:http'
import type { FastifyError, FastifyReply, FastifyRequest, FastifySchemaValidationError } from 'fastify'
import plugin from 'fastify-plugin'
import {
  isDatabaseUnavailable,
  isOutcomeUnknown,
  lastAdministrator,
  sqlStateOf,
  violatedForeignKey,
} from '../database/errors.js'
import { catalogue, type ErrorCode, type ErrorDefinition, InvalidInput, ServiceError } from '../errors.js'
import { BatchValidationError, toIssue, toIssues, type ValidationIssue } from './validation-issues.js'

declare module 'fastify' {
  interface FastifyRequest {
    /** Whether error responses also have the members that OAuth clients expect (RFC 6749 §5.2). */
    isOAuthRequest: boolean
  }
}

type HandledError = FastifyError | ServiceError | InvalidInput | BatchValidationError

interface ErrorResponse extends Omit<ErrorDefinition, 'detail'> {
  detail: string | readonly ValidationIssue[]
}

/** Code of Fastify's error for a request that is not handled in time. */
const handlerTimeout = 'FST_ERR_HANDLER_TIMEOUT'

/** FastAPI's names for the parts of a request, by Fastify's. */
const parts: Record<string, string> = { querystring: 'query', params: 'path', headers: 'header' }

/** Response to a request that its client aborted. It reaches nobody. */
const aborted: ErrorResponse = { status: 400, detail: 'Bad Request' }

/** Errors that the database raises itself, by SQLSTATE. */
const codeBySqlState: Record<string, ErrorCode> = { [lastAdministrator]: 'last_administrator' }

/** Errors for a row whose referenced row was deleted during the request, by the foreign key between the two. */
const codesByForeignKey: { foreignKey: RegExp; code: ErrorCode }[] = [
  { foreignKey: /^token_families_user_id_fkey$/, code: 'incorrect_credentials' },
  { foreignKey: /_client_id_fkey$/, code: 'invalid_client' },
  { foreignKey: /_family_id_fkey$/, code: 'invalid_refresh_token' },
  { foreignKey: /_(owner_id|user_id|invited_by)_fkey$/, code: 'not_found' },
]

/** Registers the error handler of all routes. */
export const errorHandling = plugin(
  async function registerErrorHandler(app) {
    app.decorateRequest('isOAuthRequest', false)
    app.setErrorHandler(handleError)
  },
  { name: 'error-handling' },
)

/** Handles every error: chooses the response, and logs only faults of the service with their stack. */
export function handleError(error: HandledError, request: FastifyRequest, reply: FastifyReply) {
  const response = chooseResponse(error, request)
  if (response.status === 500) request.log.error({ err: error }, 'request failed')
  else if (response.status === 503) request.log.warn({ reason: error.message }, 'service unavailable')
  else request.log.debug({ code: 'code' in error ? error.code : 'invalid_input' }, 'request refused')
  return reply
    .code(response.status)
    .headers(response.headers ?? {})
    .send(request.isOAuthRequest ? withOAuthMembers(response) : { detail: response.detail })
}

function chooseResponse(error: HandledError, request: FastifyRequest): ErrorResponse {
  if (isAborted(error, request)) return aborted
  if (isUnsafe(request) && mayHaveHappened(error)) return catalogue.outcome_unknown
  return toResponse(error, request)
}

/** Returns whether the client aborted the request. Its error code alone could also mean a lost connection to the database. */
function isAborted(error: Error, { raw }: FastifyRequest): boolean {
  return raw.errored === error
}

/** Returns whether a request may change something (RFC 9110 §9.2.1). */
function isUnsafe({ method }: FastifyRequest): boolean {
  return method !== 'GET' && method !== 'HEAD' && method !== 'OPTIONS'
}

/** Returns whether the change may have been made, or may still be made, although its result is unknown. */
function mayHaveHappened(error: Error & { code?: string }): boolean {
  return error.code === handlerTimeout || isOutcomeUnknown(error)
}

function toResponse(error: HandledError, request: FastifyRequest): ErrorResponse {
  if (error instanceof BatchValidationError) return { status: 422, detail: error.issues }
  if (error instanceof InvalidInput) return { status: 422, detail: [toIssue(error, [error.part])] }
  if (error instanceof ServiceError) {
    const defined: ErrorDefinition = catalogue[error.code]
    return { ...defined, headers: { ...defined.headers, ...error.headers } }
  }
  if (error.validation) return invalidInput(error.validation, error.validationContext)
  const code = codeBySqlState[String(sqlStateOf(error))] ?? codeOfDeletion(error, request)
  if (code) return catalogue[code]
  if (isDatabaseUnavailable(error)) return catalogue.service_unavailable
  const status = error.statusCode ?? 500
  return status < 500 ? { status, detail: String(STATUS_CODES[status]) } : catalogue.internal_error
}

/** Where a route authenticates a user, the deleted user is the caller; elsewhere it is the user in the path. */
function codeOfDeletion(error: Error, { currentUser }: FastifyRequest): ErrorCode | undefined {
  const violated = violatedForeignKey(error)
  const code = codesByForeignKey.find(({ foreignKey }) => violated && foreignKey.test(violated))?.code
  return code === 'not_found' && currentUser ? 'invalid_token' : code
}

function invalidInput(errors: FastifySchemaValidationError[], context = 'body'): ErrorResponse {
  return {
    status: 422,
    detail: toIssues(errors, [parts[context] ?? context]),
    oauth: 'invalid_request',
  }
}

function withOAuthMembers({ detail, oauth = 'invalid_request' }: ErrorResponse) {
  const description = typeof detail === 'string' ? detail : 'The input is invalid'
  return { detail, error: oauth, error_description: description }
}
