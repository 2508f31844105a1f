import type { TSchema } from 'typebox'
import { Set as setFormat } from 'typebox/format'
import { Check } from 'typebox/value'
import { textFormats } from './schema.js'

for (const [name, isOfFormat] of Object.entries(textFormats)) setFormat(name, isOfFormat)

/** Whether a value that does not come by HTTP conforms to a schema as it would have to there, formats included. */
export function conforms(schema: TSchema, value: unknown): boolean {
  return Check(schema, value)
}
