import type { FastifyError, FastifyReply, FastifyRequest, FastifySchemaValidationError } from 'fastify'
import plugin from 'fastify-plugin'
import {
  isDatabaseUnavailable,
  isOutage,
  isOutcomeUnknown,
  lastAdministrator,
  sqlStateOf,
  violatedForeignKey,
} from '../database/errors.js'
import { NodeFailure } from '../database/node-failure.js'
import {
  catalogue,
  type ErrorCode,
  type ErrorDefinition,
  InvalidInput,
  ServiceError,
  Unavailable,
  type UnavailableReason,
  UnknownPath,
} from '../errors.js'
import { reasonOf } from '../lifecycle/reason.js'
import { isFrozen } from './tutorial-surface.js'
import { isUnsafe } from './unsafe-request.js'
import { BatchValidationError, toIssue, toIssues, type ValidationIssue } from './validation-issues.js'

declare module 'fastify' {
  interface FastifyRequest {
    /** Whether error responses also have the members that OAuth clients expect (RFC 6749 §5.2). */
    isOAuthRequest: boolean
    /** Code of the error response; null without one. */
    errorCode: ErrorCode | null
  }
}

type HandledError = FastifyError | ServiceError | InvalidInput | BatchValidationError

interface ErrorResponse extends Omit<ErrorDefinition, 'detail'> {
  code: ErrorCode
  /** Whether the tutorial's service would respond the same, so that the body has no code. */
  isTutorials?: boolean
  detail: string | readonly ValidationIssue[]
  /** Description for OAuth clients, if it differs from the detail. */
  description?: string | undefined
}

/** Code of Fastify's error for a request that is not handled in time. */
const handlerTimeout = 'FST_ERR_HANDLER_TIMEOUT'

/** Code of Fastify's error for a path that is not valid UTF-8. */
const badUrl = 'FST_ERR_BAD_URL'

/** FastAPI's names for the parts of a request, by Fastify's. */
const parts: Record<string, string> = { querystring: 'query', params: 'path', headers: 'header' }

/** Response to a request that its client aborted. It reaches nobody. */
const aborted = respondWith('malformed_request', { isTutorials: true })

/** Errors that the database raises itself, by SQLSTATE. */
const codeBySqlState: Record<string, ErrorCode> = { [lastAdministrator]: 'last_administrator' }

/** Errors that Fastify raises, by status. */
const codeByStatus: Record<number, ErrorCode> = {
  413: 'body_too_large',
  414: 'uri_too_long',
  415: 'unsupported_media_type',
}

/** Errors for a row whose referenced row was deleted during the request, by the foreign key between the two. */
const codesByForeignKey: { foreignKey: RegExp; code: ErrorCode }[] = [
  { foreignKey: /_(resource_id|role|scopes?)_fkey$/, code: 'conflict' },
  { foreignKey: /_client_id_fkey$/, code: 'invalid_client' },
  { foreignKey: /_family_id_fkey$/, code: 'invalid_refresh_token' },
  { foreignKey: /_(owner_id|user_id)_fkey$/, code: 'not_found' },
]

/** Registers the error handler of all routes. */
export const errorHandling = plugin(
  async function registerErrorHandler(app) {
    app.decorateRequest('isOAuthRequest', false)
    app.decorateRequest('errorCode', null)
    app.setErrorHandler(handleError)
  },
  { name: 'error-handling', dependencies: ['database', 'metrics'] },
)

/** Handles every error: chooses the response, and logs only faults of the service with their stack. */
export function handleError(error: HandledError, request: FastifyRequest, reply: FastifyReply) {
  const response = chooseResponse(error, request)
  request.errorCode = response.code
  if (response !== aborted) countError(error, response, request)
  logError(error, response.status, request)
  return reply
    .code(response.status)
    .headers(response.headers ?? {})
    .send(toBody(response, request))
}

function toBody(
  { code, isTutorials, detail, description, oauth = 'invalid_request' }: ErrorResponse,
  request: FastifyRequest,
) {
  const summary = typeof detail === 'string' ? detail : catalogue.invalid_input.detail
  return {
    detail,
    ...(!isTutorials && !isFrozen(request) && { code }),
    ...(request.isOAuthRequest && { error: oauth, error_description: description ?? summary }),
  }
}

function countError(error: HandledError, { code, status }: ErrorResponse, { server }: FastifyRequest): void {
  server.metrics.errorResponses.add({ code })
  if (status === 503) server.metrics.unavailableResponses.add({ reason: reasonFor(error, code) })
}

function reasonFor(error: HandledError, code: ErrorCode): UnavailableReason {
  if (error instanceof Unavailable) return error.reason
  if (code === 'outcome_unknown') return code
  if (error instanceof NodeFailure) return 'database_node'
  return isOutage(error) ? 'database_outage' : 'database_busy'
}

function logError(error: HandledError, status: number, { log, server }: FastifyRequest): void {
  if (status === 500) log.error({ err: error }, 'request failed')
  else if (status !== 503 || error instanceof ServiceError)
    log.debug({ code: 'code' in error ? error.code : 'invalid_input' }, 'request refused')
  else if (!server.outage.note(error)) log.warn({ reason: reasonOf(error) }, 'service unavailable')
}

function chooseResponse(error: HandledError, request: FastifyRequest): ErrorResponse {
  if (isDisconnection(error, request)) return aborted
  if (mayHaveHappened(error) && isUnsafe(request)) return respondWith('outcome_unknown')
  return toResponse(error, request)
}

/** Returns whether the client disconnected during the request. The code of the error could also mean a lost connection to the database. */
function isDisconnection(error: Error, { raw }: FastifyRequest): boolean {
  return raw.errored === error
}

/** Returns whether the change may have been made, or may still be made, although its result is unknown. */
function mayHaveHappened(error: Error & { code?: string }): boolean {
  return error.code === handlerTimeout || isOutcomeUnknown(error)
}

function toResponse(error: HandledError, request: FastifyRequest): ErrorResponse {
  if (error instanceof BatchValidationError) return respondWith('invalid_input', { detail: error.issues })
  if (error instanceof InvalidInput)
    return respondWith('invalid_input', { detail: [toIssue(error, [error.part])] })
  if (error instanceof UnknownPath) return respondWith('not_found', { isTutorials: true })
  if (error instanceof ServiceError) {
    const { headers }: ErrorDefinition = catalogue[error.code]
    const { description } = error
    return respondWith(error.code, { headers: { ...headers, ...error.headers }, description })
  }
  if (error.code === badUrl) return respondWith('malformed_request', { isTutorials: true })
  if (error.validation) return invalidInput(error.validation, error.validationContext)
  const code = codeBySqlState[String(sqlStateOf(error))] ?? codeOfDeletion(error, request)
  if (code) return respondWith(code)
  if (isDatabaseUnavailable(error)) return respondWith('service_unavailable')
  const { statusCode = 500 } = error
  return respondWith(statusCode < 500 ? (codeByStatus[statusCode] ?? 'malformed_request') : 'internal_error')
}

/** Returns the response of the catalogue for a code. */
function respondWith(code: ErrorCode, replaced: Partial<ErrorResponse> = {}): ErrorResponse {
  return { code, ...catalogue[code], ...replaced }
}

/** Where a route authenticates a user, the deleted user is the caller; elsewhere it is the user in the path. */
function codeOfDeletion(error: Error, { currentUser }: FastifyRequest): ErrorCode | undefined {
  const violated = violatedForeignKey(error)
  const code = codesByForeignKey.find(({ foreignKey }) => violated && foreignKey.test(violated))?.code
  return code === 'not_found' && currentUser ? 'invalid_token' : code
}

function invalidInput(errors: FastifySchemaValidationError[], context = 'body'): ErrorResponse {
  return respondWith('invalid_input', { detail: toIssues(errors, [parts[context] ?? context]) })
}
