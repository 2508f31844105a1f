import { VerificationError } from '../errors/verification-error.js'

/** Scope-tokens, as a list or separated by spaces. */
export type Scope = string | readonly string[]

/**
 * Returns the scope-tokens that a caller needs.
 *
 * @throws TypeError without any, and for a malformed one (RFC 6749 §3.3): a scope that comes from a missing setting must not let
 * everyone pass
 */
export function readRequiredScope(scope: Scope): readonly string[] {
  const tokens = typeof scope === 'string' ? scope.split(' ') : scope
  const isValid = Array.isArray(tokens) && tokens.length > 0 && tokens.every(isScopeToken)
  if (!isValid) throw new TypeError(`Not a scope: ${JSON.stringify(scope)}`)
  return tokens
}

function isScopeToken(token: unknown): boolean {
  return typeof token === 'string' && /^[!#-[\]-~]+$/.test(token)
}

/** Returns the scope-tokens of a token. */
export function splitScope(scope = ''): readonly string[] {
  return scope.split(' ').filter((token) => token !== '')
}

/** @throws VerificationError `insufficient_scope` unless every required scope-token was granted */
export function requireScope(granted: readonly string[], required: readonly string[]): void {
  if (!required.every((token) => granted.includes(token)))
    throw new VerificationError('insufficient_scope', { scope: required })
}
