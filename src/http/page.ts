import type { FastifyRequest } from 'fastify'
import { Type } from 'typebox'
import { defaulted } from './schema.js'

/** What every list is asked for with: how many, and where to go on. */
export const pageParameters = {
  limit: defaulted(
    Type.Integer({ minimum: 1, maximum: 200, default: 100, description: 'Maximum number of results.' }),
  ),
  cursor: Type.Optional(
    Type.String({
      minLength: 1,
      maxLength: 2048,
      description: 'Where the page before ended: see its `Link`.',
    }),
  ),
}

/** A page, of what was found when one more than fits was looked for, and its last row where more follow. */
export function cutPage<T>(found: T[], limit: number): { page: T[]; last: T | undefined } {
  const page = found.slice(0, limit)
  return { page, last: found.length > limit ? page.at(-1) : undefined }
}

/** A query is text: this `preValidation` hook makes a number of the one parameter that is one. */
export async function readLimit({ query }: FastifyRequest): Promise<void> {
  const parameters = query as Record<string, unknown>
  if (/^\d{1,9}$/.test(String(parameters.limit))) parameters.limit = Number(parameters.limit)
}
