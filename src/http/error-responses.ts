import { STATUS_CODES } from 'node:http'
import type { TSchema } from 'typebox'
import { catalogue, type ErrorCode, type ErrorDefinition } from '../errors.js'
import { ErrorBody, HttpValidationError } from './error-schema.js'
import { documentHeaders, type HeaderName } from './header-schema.js'
import { ref } from './schema.js'
import type { ValidationIssue } from './validation-issues.js'

/** The `response` schemas of errors, by status. */
export type ErrorResponses = Record<number | string, ErrorResponseSchema>

/** The `response` schema of the errors of one status. */
export interface ErrorResponseSchema {
  description: string
  headers?: Partial<Record<HeaderName, TSchema>>
  content: { 'application/json': { schema: TSchema; examples: Examples } }
}

type Examples = Record<string, { value: ExampleBody }>

/** Body of an error in an example. */
export type ExampleBody = { code?: ErrorCode; detail: unknown; error?: string; error_description?: string }

/** Headers whose values depend on the request. The catalogue has the others. */
const variableHeaders: Partial<Record<ErrorCode, HeaderName>> = {
  insufficient_scope: 'WWW-Authenticate',
  invalid_verification: 'WWW-Authenticate',
  too_many_attempts: 'Retry-After',
}

/** The names of the headers in the catalogue, as they are documented. */
const documentedNames: Record<string, HeaderName> = {
  'accept-encoding': 'Accept-Encoding',
  'retry-after': 'Retry-After',
  'www-authenticate': 'WWW-Authenticate',
}

/** Returns the `response` schemas of the errors with which a route may respond, each body shown as an example. */
export function errorResponses(...codes: ErrorCode[]): ErrorResponses {
  return groupByStatus(codes, (code) => ({ detail: catalogue[code].detail, code }))
}

/** Returns the same for an OAuth endpoint, whose bodies also have the members of RFC 6749 §5.2. */
export function oauthErrorResponses(...codes: ErrorCode[]): ErrorResponses {
  return groupByStatus(codes, (code) => {
    const { detail, oauth = 'invalid_request' }: ErrorDefinition = catalogue[code]
    return { detail, code, error: oauth, error_description: detail }
  })
}

function groupByStatus(codes: ErrorCode[], toExample: (code: ErrorCode) => ExampleBody): ErrorResponses {
  const statuses = [...new Set(codes.map((code) => catalogue[code].status))]
  return Object.fromEntries(
    statuses.map((status) => {
      const codesOfStatus = codes.filter((code) => catalogue[code].status === status)
      const examples = codesOfStatus.map((code) => [code, { value: toExample(code) }])
      const headers = documentHeaders(...codesOfStatus.flatMap(headersOf))
      return [status, jsonResponse(status, ref(ErrorBody), Object.fromEntries(examples), headers)]
    }),
  )
}

function headersOf(code: ErrorCode): HeaderName[] {
  const { headers = {} }: ErrorDefinition = catalogue[code]
  const fixed = Object.keys(headers).map((name) => documentedNames[name] as HeaderName)
  const variable = variableHeaders[code]
  return variable ? [...fixed, variable] : fixed
}

/** Returns the `response` schemas of two sources. A status that both have shows the examples and headers of both. */
export function mergeResponses(first: ErrorResponses, second: ErrorResponses): ErrorResponses {
  const merged = { ...second, ...first }
  for (const [status, { headers, content }] of Object.entries(second)) {
    const earlier = first[status]
    if (!earlier) continue
    const { schema, examples } = earlier.content['application/json']
    merged[status] = {
      ...earlier,
      ...(headers && { headers: { ...earlier.headers, ...headers } }),
      content: {
        'application/json': { schema, examples: { ...examples, ...content['application/json'].examples } },
      },
    }
  }
  return merged
}

/** Returns the `response` schema for invalid input. Its example is a missing field. */
export function validationResponse(field: string, part = 'body'): ErrorResponses {
  return invalidInputResponse({ type: 'missing', loc: [part, field], msg: 'Field required', input: null })
}

/** Returns the `response` schema for invalid input, with one issue as its example. */
export function invalidInputResponse(issue: ValidationIssue): ErrorResponses {
  const value: ExampleBody = { detail: [issue], code: 'invalid_input' }
  return { 422: jsonResponse(422, ref(HttpValidationError), { [issue.type]: { value } }, {}) }
}

function jsonResponse(
  status: number,
  schema: TSchema,
  examples: Examples,
  headers: Partial<Record<HeaderName, TSchema>>,
): ErrorResponseSchema {
  return {
    description: String(STATUS_CODES[status]),
    ...(Object.keys(headers).length > 0 && { headers }),
    content: { 'application/json': { schema, examples } },
  }
}
