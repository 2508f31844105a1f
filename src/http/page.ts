import type { FastifyRequest } from 'fastify'
import { Type } from 'typebox'
import { defaulted } from './schema.js'

/** Query parameters of every list. */
export const pageParameters = {
  limit: defaulted(
    Type.Integer({ minimum: 1, maximum: 200, default: 100, description: 'Maximum number of results.' }),
  ),
  cursor: Type.Optional(
    Type.String({
      minLength: 1,
      maxLength: 2048,
      description: 'Position of the page, from the header `Link` of the page before.',
    }),
  ),
}

/** Query of a list that has no other parameters. Any other is ignored. */
export const PageQuery = Type.Object(pageParameters, { additionalProperties: true })

/** Returns the rows of a page, and the last of them if more follow. @param found up to `limit` + 1 rows */
export function cutPage<T>(found: T[], limit: number): { page: T[]; last: T | undefined } {
  const page = found.slice(0, limit)
  return { page, last: found.length > limit ? page.at(-1) : undefined }
}

/** A `preValidation` hook that converts the parameter `limit` to a number, as all query parameters are text. */
export async function readLimit({ query }: FastifyRequest): Promise<void> {
  const parameters = query as Record<string, unknown>
  if (/^\d{1,9}$/.test(String(parameters.limit))) parameters.limit = Number(parameters.limit)
}
