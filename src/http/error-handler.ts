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
import {
  BatchValidationError,
  catalogue,
  type ErrorAnswer,
  type ErrorCode,
  InvalidInput,
  ServiceError,
} from '../errors.js'
import { toIssue, toIssues } from './validation-issues.js'

declare module 'fastify' {
  interface FastifyRequest {
    /** Whether the request is one of OAuth's, so that errors carry its members too (RFC 6749 §5.2). */
    isOAuthRequest: boolean
  }
}

/** Code of Fastify's error for a request that is not answered in time. */
const handlerTimeout = 'FST_ERR_HANDLER_TIMEOUT'

/** FastAPI's names of the parts of a request, by Fastify's. */
const parts: Record<string, string> = { querystring: 'query', params: 'path', headers: 'header' }

/** ErrorAnswers a request that its client broke off. Nobody reads it. */
const broken: ErrorAnswer = { status: 400, detail: 'Bad Request' }

/** What the database refuses to do, by SQLSTATE. */
const refusals: Record<string, ErrorCode> = { [lastAdministrator]: 'last_administrator' }

/** ErrorAnswers where a row would refer to one that was deleted during the request, by the foreign key between them. */
const deletions: [foreignKey: RegExp, code: ErrorCode][] = [
  [/^token_families_user_id_fkey$/, 'incorrect_credentials'],
  [/_client_id_fkey$/, 'invalid_client'],
  [/_family_id_fkey$/, 'invalid_refresh_token'],
  [/_(owner_id|user_id|invited_by)_fkey$/, 'not_found'],
]

/** Registers the error handler of all routes. */
export const errorHandling = plugin(
  async function registerErrorHandler(app) {
    app.decorateRequest('isOAuthRequest', false)
    app.setErrorHandler(handleError)
  },
  { name: 'error-handling' },
)

/** The one error handler: decides what leaves, and logs in full only what is our fault. */
export function handleError(
  error: FastifyError | ServiceError | InvalidInput | BatchValidationError,
  request: FastifyRequest,
  reply: FastifyReply,
) {
  const answer = chooseAnswer(error, request)
  if (answer.status === 500) request.log.error({ err: error }, 'request failed')
  else if (answer.status === 503) request.log.warn({ reason: error.message }, 'service unavailable')
  else request.log.debug({ code: 'code' in error ? error.code : 'invalid_input' }, 'request refused')
  return reply
    .code(answer.status)
    .headers(answer.headers ?? {})
    .send(request.isOAuthRequest ? withOAuthMembers(answer) : { detail: answer.detail })
}

function chooseAnswer(
  error: FastifyError | ServiceError | InvalidInput | BatchValidationError,
  request: FastifyRequest,
): ErrorAnswer {
  if (isClientGone(error, request)) return broken
  return isChanging(request) && mayHaveHappened(error) ? catalogue.outcome_unknown : toAnswer(error, request)
}

/** Whether the client broke its request off. The error code is the one of a lost connection to the database. */
function isClientGone(error: Error, { raw }: FastifyRequest): boolean {
  return raw.errored === error
}

function isChanging({ method }: FastifyRequest): boolean {
  return method !== 'GET' && method !== 'HEAD' && method !== 'OPTIONS'
}

/** Whether the change may have been made, or may still be made, although its result is not known. */
function mayHaveHappened(error: Error & { code?: string }): boolean {
  return error.code === handlerTimeout || isOutcomeUnknown(error)
}

function toAnswer(
  error: FastifyError | ServiceError | InvalidInput | BatchValidationError,
  request: FastifyRequest,
): ErrorAnswer {
  if (error instanceof BatchValidationError) return { status: 422, detail: error.issues }
  if (error instanceof InvalidInput) return { status: 422, detail: [toIssue(error, [error.part])] }
  if (error instanceof ServiceError) {
    const known: ErrorAnswer = catalogue[error.code]
    return { ...known, headers: { ...known.headers, ...error.headers } }
  }
  if (error.validation) return invalidInput(error.validation, error.validationContext)
  const refusal = refusals[String(sqlStateOf(error))] ?? refusalOfDeleted(error, request)
  if (refusal) return catalogue[refusal]
  if (isDatabaseUnavailable(error)) return catalogue.service_unavailable
  const status = error.statusCode ?? 500
  return status < 500 ? { status, detail: String(STATUS_CODES[status]) } : catalogue.internal_error
}

/** The user who was deleted is the caller where the route authenticates a user, and another user elsewhere. */
function refusalOfDeleted(error: Error, { currentUser }: FastifyRequest): ErrorCode | undefined {
  const foreignKey = violatedForeignKey(error)
  const code = deletions.find(([known]) => foreignKey && known.test(foreignKey))?.[1]
  return code === 'not_found' && currentUser ? 'invalid_token' : code
}

function invalidInput(errors: FastifySchemaValidationError[], context = 'body'): ErrorAnswer {
  return {
    status: 422,
    detail: toIssues(errors, [parts[context] ?? context]),
    oauth: 'invalid_request',
  }
}

function withOAuthMembers({ detail, oauth = 'invalid_request' }: ErrorAnswer) {
  const description = typeof detail === 'string' ? detail : 'The input is invalid'
  return { detail, error: oauth, error_description: description }
}
