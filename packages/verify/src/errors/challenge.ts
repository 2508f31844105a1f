/** Error codes of RFC 6750 §3.1 that a verifier answers with. */
export type BearerError = 'invalid_token' | 'insufficient_scope'

/** Parts of a challenge. */
export interface Challenge {
  /** Omitted if the request has no token (RFC 6750 §3.1). */
  error: BearerError | null
  description: string
  /** Scope-tokens that the request needs. */
  scope: readonly string[]
}

/**
 * Returns the value of `WWW-Authenticate` (RFC 6750 §3). Nothing in it comes from the request, so there is nothing to escape.
 */
export function toChallenge({ error, description, scope }: Challenge): string {
  const parameters = {
    realm: 'Latchkey',
    ...(error && { error, error_description: description }),
    ...(scope.length > 0 && { scope: scope.join(' ') }),
  }
  const pairs = Object.entries(parameters).map(([name, value]) => `${name}="${value}"`)
  return `Bearer ${pairs.join(', ')}`
}
