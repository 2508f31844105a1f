import type { FastifySchemaValidationError } from 'fastify'
import type { InvalidInput } from '../errors.js'
import type { ValidationIssue } from './schema.js'

/** Maximum number of issues listed for one input. */
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
