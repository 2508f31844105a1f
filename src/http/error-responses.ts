import { STATUS_CODES } from 'node:http'
import { type TSchema, Type } from 'typebox'
import { catalogue, type ErrorCode } from '../errors.js'
import { ref } from './schema.js'
import { ValidationError } from './validation-issues.js'

const oauthErrorCode = Type.Optional(Type.String({ description: 'OAuth 2.0 error code (RFC 6749 §5.2).' }))

/** The body of every error response except those to invalid input. */
const HttpError = Type.Object(
  {
    detail: Type.String({ description: 'Human-readable reason.' }),
    error: oauthErrorCode,
    error_description: Type.Optional(
      Type.String({ description: 'The same as `detail`, for OAuth clients.' }),
    ),
  },
  { $id: 'HTTPError' },
)

/** The body of the response to invalid input, in the form that clients generated from a FastAPI service expect. */
const HttpValidationError = Type.Object(
  {
    detail: Type.Array(ref(ValidationError)),
    error: oauthErrorCode,
    error_description: Type.Optional(
      Type.String({ description: 'Human-readable reason, for OAuth clients.' }),
    ),
  },
  { $id: 'HTTPValidationError' },
)

/** The schemas that every error response refers to. */
export const errorSchemas = [HttpError, ValidationError, HttpValidationError]

/** Returns the `response` schemas of the errors with which a route may respond, each body shown as an example. */
export function errorResponses(...codes: ErrorCode[]) {
  const statuses = [...new Set(codes.map((code) => catalogue[code].status))]
  return Object.fromEntries(
    statuses.map((status) => {
      const codesOfStatus = codes.filter((code) => catalogue[code].status === status)
      const examples = codesOfStatus.map((code) => [code, { value: { detail: catalogue[code].detail } }])
      return [status, jsonResponse(status, ref(HttpError), Object.fromEntries(examples))]
    }),
  )
}

/** Returns the `response` schema for invalid input. Its example is a missing field. */
export function validationResponse(field: string, part = 'body') {
  const missing = { type: 'missing', loc: [part, field], msg: 'Field required', input: null }
  return { 422: jsonResponse(422, ref(HttpValidationError), { missing: { value: { detail: [missing] } } }) }
}

function jsonResponse(status: number, schema: TSchema, examples: Record<string, { value: unknown }>) {
  return { description: String(STATUS_CODES[status]), content: { 'application/json': { schema, examples } } }
}
