import type { FastifyRequest } from 'fastify'
import Negotiator from 'negotiator'

/**
 * Returns the offered media type that the client of a request prefers (RFC 9110 §12.5.1), or undefined if it accepts none.
 * Of equally preferred types, the first one offered is returned.
 */
export function choosePreferred<T extends string>(
  request: FastifyRequest,
  offered: readonly T[],
): T | undefined {
  const [preferred] = new Negotiator(request).mediaTypes([...offered])
  return preferred as T | undefined
}

/** Returns whether the client of a request prefers a response with this content coding to one without (RFC 9110 §12.5.3). */
export function prefersCoding(request: FastifyRequest, coding: string): boolean {
  const [preferred] = new Negotiator(request).encodings([coding, 'identity'])
  return preferred === coding
}
