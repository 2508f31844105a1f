import { STATUS_CODES } from 'node:http'
import type { TSchema } from 'typebox'
import { catalogue, type ErrorCode } from '../errors.js'
import { HttpError, HttpValidationError, ref } from './schema.js'

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
