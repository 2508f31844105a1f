import type { FastifyRequest } from 'fastify'
import { decodePercent } from './percent.js'
import { splitTarget } from './request-target.js'

/** Paths of the tutorial's service. Error responses at these paths have only the members of the tutorial's. */
const tutorialPaths = new Set<string | null>([
  '/',
  '/docs',
  '/docs/oauth2-redirect',
  '/openapi.json',
  '/redoc',
  '/token',
  '/users/me/',
  '/users/me/items/',
])

/** Operations at these paths that the tutorial's service does not have. */
const addedOperations = new Set(['PATCH /users/me/', 'DELETE /users/me/', 'POST /users/me/items/'])

/**
 * Returns whether the response to a request is the tutorial's. The path is decoded, as the router does it; one that cannot be is not
 * the tutorial's.
 */
export function isFrozen({ method, url }: Pick<FastifyRequest, 'method' | 'url'>): boolean {
  const [encoded] = splitTarget(url)
  const path = decodePercent(encoded)
  return tutorialPaths.has(path) && !addedOperations.has(`${method} ${path}`)
}
