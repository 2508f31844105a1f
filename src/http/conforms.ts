import { type TSchema, Type } from 'typebox'
import { buildValidator } from './compilers.js'
import { ajvOptions } from './validators.js'

const compile = buildValidator({}, { customOptions: ajvOptions })

/** Whether a value that does not come by HTTP conforms to a schema as it would have to there, formats included. */
export function conforms(schema: TSchema, value: unknown): boolean {
  return compile({ schema: Type.Object({ value: schema }), method: '', url: '' })({ value }) === true
}
