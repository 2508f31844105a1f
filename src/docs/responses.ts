import type { FastifySchema } from 'fastify'
import type { TObject } from 'typebox'
import type { ErrorCode } from '../errors.js'
import {
  type ErrorResponseSchema,
  type ErrorResponses,
  type ExampleBody,
  errorResponses,
  invalidInputResponse,
  mergeResponses,
} from '../http/error-responses.js'
import { isFrozen } from '../http/tutorial-surface.js'

/** Errors with which the service may respond to any request, before its route handles it. */
const commonErrors: ErrorCode[] = [
  'malformed_request',
  'request_timeout',
  'body_too_large',
  'unsupported_coding',
  'header_too_large',
  'internal_error',
]

/** The issue with a query that is not UTF-8. */
const misreadQuery = { type: 'utf8_invalid', loc: ['query'], msg: 'Not valid UTF-8', input: null }

/** Returns the responses of a route: its own, and the errors that are common to all routes of its kind. */
export function describeResponses(
  { params, response }: FastifySchema,
  url: string,
  method: string,
): ErrorResponses {
  const common = { ...errorResponses(...commonErrors), ...invalidInputResponse(misreadQuery) }
  const ofPath = hasParameters(params) ? errorResponses('uri_too_long') : {}
  const ofMethod = method === 'GET' ? {} : errorResponses('outcome_unknown')
  const responses = [common, ofPath, ofMethod].reduce(mergeResponses, response as ErrorResponses)
  return isFrozen({ method, url }) ? withoutCodes(responses) : responses
}

function hasParameters(params: unknown): boolean {
  return params !== undefined && Object.keys((params as TObject).properties).length > 0
}

/** Removes the codes from the examples of the errors. */
function withoutCodes(responses: ErrorResponses): ErrorResponses {
  return Object.fromEntries(
    Object.entries(responses).map(([status, response]) => [
      status,
      Number(status) < 400 ? response : mapExamples(response, ({ code: _, ...rest }) => rest),
    ]),
  )
}

function mapExamples(
  response: ErrorResponseSchema,
  change: (body: ExampleBody) => ExampleBody,
): ErrorResponseSchema {
  const { schema, examples } = response.content['application/json']
  const changed = Object.entries(examples).map(([name, { value }]) => [name, { value: change(value) }])
  return { ...response, content: { 'application/json': { schema, examples: Object.fromEntries(changed) } } }
}
