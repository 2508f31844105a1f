import type { FastifySchemaValidationError } from 'fastify'
import { type Static, Type } from 'typebox'
import type { InvalidInput } from '../errors.js'

/** One issue with the input, in FastAPI's form. */
export const ValidationError = Type.Object(
  {
    type: Type.String({ description: 'Machine-readable kind of the issue.' }),
    loc: Type.Array(Type.Unsafe<string | number>({ oneOf: [Type.String(), Type.Integer()] }), {
      description: 'Location: the part of the request, then the path within it.',
    }),
    msg: Type.String({ description: 'Human-readable reason.' }),
    input: Type.Unsafe<null>({ description: 'Always null: the input may be a secret.' }),
  },
  { $id: 'ValidationError' },
)

export type ValidationIssue = Static<typeof ValidationError>

/** Thrown for a body of many lines, some of which are invalid. */
export class BatchValidationError extends Error {
  readonly issues: ValidationIssue[]

  constructor(issues: ValidationIssue[]) {
    super('lines are invalid')
    this.issues = issues
  }
}

/** Maximum number of issues listed for one input. */
export const maxIssues = 20

/** Converts Ajv's errors, up to the maximum. @param place of the validated value in the request */
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

/** Converts an error that was found by other means than a schema. @param place of the input in the request */
export function toIssue({ path, type, message: msg }: InvalidInput, place: string[]): ValidationIssue {
  return { type, loc: [...place, ...path], msg, input: null }
}
