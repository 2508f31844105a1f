import type { FastifyRequest } from 'fastify'

/** Returns whether a request may change something (RFC 9110 §9.2.1). */
export function isUnsafe({ method, routeOptions }: FastifyRequest): boolean {
  const isSafe = method === 'GET' || method === 'HEAD' || method === 'OPTIONS'
  return !isSafe && !routeOptions.config.isForwardAuth
}
