import type { FastifyRequest } from 'fastify'

/** Matches the regular expression that a parameter of a route must match. */
const constraint = /\([^()]*\)(?=\/|$)/g

/** Returns the template of the route of a request, such as `/users/:username/`, or undefined if there is no route. */
export function routeOf({ routeOptions: { url } }: Pick<FastifyRequest, 'routeOptions'>): string | undefined {
  return url?.includes('(') ? url.replaceAll(constraint, '') : url
}

/** Returns whether a route has parameters: values of its paths may identify a user. */
export function hasParameters(route: string): boolean {
  return /[:*]/.test(route)
}
