import { grantableScopes, maxScopeTokenLength, scopeTokenSyntax } from '../users/scopes.js'

/** Scopes that every user has, in the order in which they are written. */
export const userScopes = ['me', 'items:read', 'items:write'] as const

/** Scope that permits setting a new password and nothing else. `me` includes it. */
export const passwordScope = 'account:password'

/** Scopes of the routes of this service. All others belong to services that accept its tokens. */
const ownScopes: readonly string[] = [...userScopes, passwordScope, ...grantableScopes]

/** Returns whether routes of this service require the scope. */
export function isOwnScope(scope: string): boolean {
  return ownScopes.includes(scope)
}

/** Returns whether a scope contains a scope-token, or one that includes it. */
export function includesScope(scope: readonly string[], wanted: string): boolean {
  return scope.includes(wanted) || (wanted === passwordScope && scope.includes('me'))
}

/** Maximum length of a granted scope (characters), so that its token fits into a header and a form. */
export const maxScopeLength = 4_096

/** Returns whether a text has the syntax of a scope-token (RFC 6749 §3.3). */
export function isScope(text: string): boolean {
  return text.length <= maxScopeTokenLength && scopeTokenSyntax.test(text)
}

/** Returns the scope-tokens of a scope, each once: none for an empty one. */
export function splitScope(scope: string): string[] {
  return scope === '' ? [] : [...new Set(scope.split(' '))]
}

/**
 * Returns the scope to grant (RFC 6749 §3.3): the requested scope-tokens without duplicates or, when none are requested,
 * the allowed part of the default. Returns null when the request is malformed or exceeds what is allowed.
 */
export function grantScope(
  requested: string | undefined,
  allowed: readonly string[],
  byDefault: readonly string[] = allowed,
): string | null {
  if (requested === undefined) return byDefault.filter((one) => allowed.includes(one)).join(' ')
  const scope = [...new Set(requested.split(' '))]
  return scope.every((one) => isScope(one) && allowed.includes(one)) ? scope.join(' ') : null
}

/** Returns whether two scopes contain the same scope-tokens, in any order. */
export function isSameScope(one: string, other: string): boolean {
  const sort = (scope: string) => splitScope(scope).sort().join(' ')
  return sort(one) === sort(other)
}
