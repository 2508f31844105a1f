import { STATUS_CODES } from 'node:http'
import type { FastifyError, FastifyReply, FastifyRequest, FastifySchemaValidationError } from 'fastify'
import type { Static, TSchema } from 'typebox'
import {
  isDatabaseUnavailable,
  isOutcomeUnknown,
  lastAdministrator,
  sqlStateOf,
  violatedForeignKey,
} from './database/errors.js'
import { HttpError, HttpValidationError, ref, type ValidationError } from './http/schema.js'

declare module 'fastify' {
  interface FastifyRequest {
    /** Whether the request is one of OAuth's, so that errors carry its members too (RFC 6749 §5.2). */
    isOAuthRequest: boolean
  }
}

/** One thing that is wrong with the input. */
export type ValidationIssue = Static<typeof ValidationError>

interface Answer {
  status: number
  detail: string | ValidationIssue[]
  headers?: Record<string, string>
  /** Error code of RFC 6749 §5.2 for callers that speak OAuth. */
  oauth?: string
}

const bearer = { 'www-authenticate': 'Bearer' }
const retryAfter = { 'retry-after': '5' }

/** Every error the service answers of its own accord, by its stable code. */
const catalogue = {
  incorrect_credentials: {
    status: 401,
    detail: 'Incorrect username or password',
    headers: bearer,
    oauth: 'invalid_grant',
  },
  invalid_client: {
    status: 401,
    detail: 'Client authentication failed',
    headers: { 'www-authenticate': 'Basic realm="Latchkey", charset="UTF-8"' },
    oauth: 'invalid_client',
  },
  ambiguous_client: {
    status: 400,
    detail: 'The client authenticates in more than one way',
    oauth: 'invalid_request',
  },
  unauthorized_client: {
    status: 400,
    detail: 'The client may not use this grant type',
    oauth: 'unauthorized_client',
  },
  invalid_refresh_token: {
    status: 400,
    detail: 'The refresh token is unknown, expired or revoked',
    oauth: 'invalid_grant',
  },
  foreign_token: {
    status: 400,
    detail: 'The token was issued to another client',
    oauth: 'invalid_grant',
  },
  invalid_scope: {
    status: 400,
    detail: 'The scope is malformed, unknown or more than is allowed',
    oauth: 'invalid_scope',
  },
  invalid_parameter: {
    status: 400,
    detail: 'A required parameter is missing or malformed',
    oauth: 'invalid_request',
  },
  unsupported_grant_type: { status: 400, detail: 'Unsupported grant type', oauth: 'unsupported_grant_type' },
  repeated_parameter: { status: 400, detail: 'A parameter is repeated', oauth: 'invalid_request' },
  not_authenticated: { status: 401, detail: 'Not authenticated', headers: bearer },
  invalid_token: { status: 401, detail: 'Could not validate credentials', headers: bearer },
  insufficient_scope: { status: 403, detail: 'Insufficient scope' },
  inactive_user: { status: 400, detail: 'Inactive user' },
  password_change_required: { status: 403, detail: 'A new password is required' },
  incorrect_password: { status: 400, detail: 'Incorrect password' },
  invalid_link: { status: 400, detail: 'The link is unknown, used or expired' },
  registration_closed: { status: 403, detail: 'Registration is closed' },
  invalid_invitation: { status: 403, detail: 'Registration needs an invitation that is good' },
  mail_disabled: { status: 403, detail: 'This deployment sends no mail' },
  email_taken: { status: 409, detail: 'The address belongs to another account' },
  last_administrator: { status: 409, detail: 'The last administrator stays' },
  item_exists: { status: 409, detail: 'An item of this id exists already' },
  conflict: { status: 409, detail: 'Somebody else changed it at the same time' },
  precondition_failed: { status: 412, detail: 'It is not what the condition says' },
  precondition_required: { status: 428, detail: 'A change needs If-Match or If-None-Match' },
  too_many_attempts: { status: 429, detail: 'Too Many Requests', oauth: 'temporarily_unavailable' },
  too_many_imports: { status: 429, detail: 'Too many imports are running', headers: retryAfter },
  too_many_exports: { status: 429, detail: 'Too many exports are running', headers: retryAfter },
  malformed_body: { status: 400, detail: 'Bad Request' },
  body_too_large: { status: 413, detail: 'Payload Too Large' },
  unsupported_media_type: { status: 415, detail: 'Unsupported Media Type' },
  not_found: { status: 404, detail: 'Not Found' },
  method_not_allowed: { status: 405, detail: 'Method Not Allowed' },
  unsupported_coding: {
    status: 415,
    detail: 'Unsupported Media Type',
    headers: { 'accept-encoding': 'identity' },
    oauth: 'invalid_request',
  },
  internal_error: { status: 500, detail: 'Internal Server Error', oauth: 'server_error' },
  service_unavailable: {
    status: 503,
    detail: 'Service Unavailable',
    headers: retryAfter,
    oauth: 'temporarily_unavailable',
  },
  outcome_unknown: {
    status: 503,
    detail: 'Service Unavailable: the change may or may not have been made',
    headers: retryAfter,
    oauth: 'temporarily_unavailable',
  },
} satisfies Record<string, Answer>

/** Names one error of the catalogue. */
export type ErrorCode = keyof typeof catalogue

/** Code of Fastify's error for a request that is not answered in time. */
const handlerTimeout = 'FST_ERR_HANDLER_TIMEOUT'

/** FastAPI's names of the parts of a request, by Fastify's. */
const parts: Record<string, string> = { querystring: 'query', params: 'path', headers: 'header' }

/** Answers a request that its client broke off. Nobody reads it. */
const broken: Answer = { status: 400, detail: 'Bad Request' }

/** What the database refuses to do, by SQLSTATE. */
const refusals: Record<string, ErrorCode> = { [lastAdministrator]: 'last_administrator' }

/** Answers where a row would refer to one that was deleted during the request, by the foreign key between them. */
const deletions: [foreignKey: RegExp, code: ErrorCode][] = [
  [/^token_families_user_id_fkey$/, 'incorrect_credentials'],
  [/_client_id_fkey$/, 'invalid_client'],
  [/_family_id_fkey$/, 'invalid_refresh_token'],
  [/_(owner_id|user_id|invited_by)_fkey$/, 'not_found'],
]

/** Thrown wherever a request ends in an error that its sender may know about. */
export class ServiceError extends Error {
  constructor(
    readonly code: ErrorCode,
    readonly headers: Record<string, string> = {},
  ) {
    super(catalogue[code].detail)
  }
}

/** Thrown where input is found to be invalid by other means than its schema. */
export class InvalidInput extends Error {
  constructor(
    readonly part: string,
    readonly path: string[],
    readonly type: string,
    message: string,
  ) {
    super(message)
  }
}

/** Thrown for a body of many lines some of which are wrong. */
export class BatchValidationError extends Error {
  constructor(readonly complaints: ValidationIssue[]) {
    super('lines are invalid')
  }
}

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
): Answer {
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
): Answer {
  if (error instanceof BatchValidationError) return { status: 422, detail: error.complaints }
  if (error instanceof InvalidInput) return { status: 422, detail: [toIssue(error, [error.part])] }
  if (error instanceof ServiceError) {
    const known: Answer = catalogue[error.code]
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

function invalidInput(errors: FastifySchemaValidationError[], context = 'body'): Answer {
  return {
    status: 422,
    detail: toIssues(errors, [parts[context] ?? context]),
    oauth: 'invalid_request',
  }
}

/** Maximum number of complaints about one input. */
export const maxIssues = 20

/** Returns the first of Ajv's complaints in FastAPI's form. @param place in the request that they are about */
export function toIssues(errors: FastifySchemaValidationError[], place: string[]): ValidationIssue[] {
  return errors.slice(0, maxIssues).map(({ keyword, instancePath, params, message }) => {
    const loc = [...place, ...instancePath.split('/').slice(1)]
    if (keyword === 'required')
      return {
        type: 'missing',
        loc: [...loc, String(params.missingProperty)],
        msg: 'Field required',
        input: null,
      }
    if (keyword === 'additionalProperties')
      return {
        type: 'extra_forbidden',
        loc: [...loc, String(params.additionalProperty)],
        msg: 'Extra inputs are not permitted',
        input: null,
      }
    return { type: keyword, loc, msg: String(message), input: null }
  })
}

/** The same form of what was found by other means than a schema. */
export function toIssue({ path, type, message: msg }: InvalidInput, place: string[]): ValidationIssue {
  return { type, loc: [...place, ...path], msg, input: null }
}

function withOAuthMembers({ detail, oauth = 'invalid_request' }: Answer) {
  const description = typeof detail === 'string' ? detail : 'The input is invalid'
  return { detail, error: oauth, error_description: description }
}

/** The `response` schemas of a route that may answer these errors, each body shown as an example. */
export function errorResponses(...codes: ErrorCode[]) {
  const statuses = [...new Set(codes.map((code) => catalogue[code].status))]
  return Object.fromEntries(
    statuses.map((status) => {
      const answers = codes.filter((code) => catalogue[code].status === status)
      const examples = answers.map((code) => [code, { value: { detail: catalogue[code].detail } }])
      return [status, jsonResponse(status, ref(HttpError), Object.fromEntries(examples))]
    }),
  )
}

/** The `response` schema of a route that validates its input, for the example of a field that is missing. */
export function validationResponse(field: string, part = 'body') {
  const missing = { type: 'missing', loc: [part, field], msg: 'Field required', input: null }
  return { 422: jsonResponse(422, ref(HttpValidationError), { missing: { value: { detail: [missing] } } }) }
}

function jsonResponse(status: number, schema: TSchema, examples: Record<string, { value: unknown }>) {
  return { description: String(STATUS_CODES[status]), content: { 'application/json': { schema, examples } } }
}
