import { STATUS_CODES } from 'node:http'
import type { Socket } from 'node:net'
import type { FastifyError, FastifyReply, FastifyRequest, FastifySchemaValidationError } from 'fastify'
import type { Static, TSchema } from 'typebox'
import { isDatabaseUnavailable } from './database/errors.js'
import { HttpError, HttpValidationError, ref, type ValidationError } from './schema.js'

declare module 'fastify' {
  interface FastifyRequest {
    /** Whether the request is one of OAuth's, so that errors carry its members too (RFC 6749 §5.2). */
    speaksOAuth: boolean
  }
}

interface Answer {
  status: number
  detail: string | Static<typeof ValidationError>[]
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
  not_found: { status: 404, detail: 'Not Found' },
  method_not_allowed: { status: 405, detail: 'Method Not Allowed' },
  internal_error: { status: 500, detail: 'Internal Server Error', oauth: 'server_error' },
  service_unavailable: {
    status: 503,
    detail: 'Service Unavailable',
    headers: retryAfter,
    oauth: 'temporarily_unavailable',
  },
} satisfies Record<string, Answer>

/** Names one error of the catalogue. */
export type ErrorCode = keyof typeof catalogue

/** Thrown wherever a request ends in an error that its sender may know about. */
export class ServiceError extends Error {
  constructor(
    readonly code: ErrorCode,
    readonly headers: Record<string, string> = {},
  ) {
    super(catalogue[code].detail)
  }
}

/** The one error handler: decides what leaves, and logs in full only what is our fault. */
export function handleError(
  error: FastifyError | ServiceError,
  request: FastifyRequest,
  reply: FastifyReply,
) {
  const answer = toAnswer(error)
  if (answer.status === 500) request.log.error({ err: error }, 'request failed')
  else if (answer.status === 503) request.log.warn({ reason: error.message }, 'service unavailable')
  else request.log.debug({ code: error.code }, 'request refused')
  return reply
    .code(answer.status)
    .headers(answer.headers ?? {})
    .send(request.speaksOAuth ? withOAuthMembers(answer) : { detail: answer.detail })
}

function toAnswer(error: FastifyError | ServiceError): Answer {
  if (error instanceof ServiceError) {
    const known: Answer = catalogue[error.code]
    return { ...known, headers: { ...known.headers, ...error.headers } }
  }
  if (error.validation) return invalidInput(error.validation, error.validationContext)
  if (isDatabaseUnavailable(error)) return catalogue.service_unavailable
  const status = error.statusCode ?? 500
  return status < 500 ? { status, detail: String(STATUS_CODES[status]) } : catalogue.internal_error
}

/** FastAPI's form of Ajv's complaints. */
function invalidInput(errors: FastifySchemaValidationError[], part = 'body'): Answer {
  const detail = errors.map(({ keyword, instancePath, params, message }) => {
    const path = instancePath.split('/').slice(1)
    return keyword === 'required'
      ? {
          type: 'missing',
          loc: [part, ...path, String(params.missingProperty)],
          msg: 'Field required',
          input: null,
        }
      : { type: keyword, loc: [part, ...path], msg: String(message), input: null }
  })
  return { status: 422, detail, oauth: 'invalid_request' }
}

function withOAuthMembers({ detail, oauth = 'invalid_request' }: Answer) {
  const description = typeof detail === 'string' ? detail : 'The input is invalid'
  return { detail, error: oauth, error_description: description }
}

/** Answers what Node.js could not parse as a request, so that no route and no hook ever saw it. */
export function answerMalformedRequest(error: Error & { code?: string }, socket: Socket): void {
  const statusByCode: Record<string, number> = {
    HPE_HEADER_OVERFLOW: 431,
    HPE_INVALID_METHOD: 405,
    ERR_HTTP_REQUEST_TIMEOUT: 408,
  }
  const status = statusByCode[String(error.code)] ?? 400
  const body = JSON.stringify({ detail: STATUS_CODES[status] })
  if (!socket.writable) return void socket.destroy()
  const head = [
    `HTTP/1.1 ${status} ${STATUS_CODES[status]}`,
    'content-type: application/json; charset=utf-8',
    `content-length: ${body.length}`,
    'connection: close',
  ]
  socket.end(`${head.join('\r\n')}\r\n\r\n${body}`, () => socket.destroy())
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
export function validationResponse(field: string) {
  const missing = { type: 'missing', loc: ['body', field], msg: 'Field required', input: null }
  return { 422: jsonResponse(422, ref(HttpValidationError), { missing: { value: { detail: [missing] } } }) }
}

function jsonResponse(status: number, schema: TSchema, examples: Record<string, { value: unknown }>) {
  return { description: String(STATUS_CODES[status]), content: { 'application/json': { schema, examples } } }
}
