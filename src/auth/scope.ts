import { grantableScopes } from '../users/scopes.js'

/** Scopes that every user has, in the order in which they are written. */
export const userScopes = ['me', 'items:read', 'items:write'] as const

/** Lets a user set another password and nothing else. `me` includes it. */
export const passwordScope = 'account:password'

/** Scopes of the routes of this service. Any other scope belongs to a service that takes our tokens. */
const ownScopes: readonly string[] = [...userScopes, passwordScope, ...grantableScopes]

/** Whether a scope is one of this service's own routes. */
export function isOwnScope(scope: string): boolean {
  return ownScopes.includes(scope)
}

/** Whether a scope holds a scope-token, or one that includes it. */
export function includesScope(scope: readonly string[], wanted: string): boolean {
  return scope.includes(wanted) || (wanted === passwordScope && scope.includes('me'))
}

/** Maximum length of a granted scope: a token of it fits into the header and the form that it is sent in. */
export const maxScopeLength = 4_096

/** RFC 6749 §3.3: printable ASCII without space, `"` and `\`. */
const scopeToken = /^[\x21\x23-\x5B\x5D-\x7E]{1,255}$/

/** Whether it is a scope-token by its syntax. */
export function isScope(text: string): boolean {
  return scopeToken.test(text)
}

/** The scope-tokens of a scope; none of an empty one. */
export function splitScope(scope: string): string[] {
  return scope === '' ? [] : scope.split(' ')
}

/**
 * The scope to grant (RFC 6749 §3.3): what was asked for, each scope-token once, or the default as far as it is allowed.
 * Null when what was asked for is malformed or more than is allowed.
 */
export function grantScope(
  asked: string | undefined,
  allowed: readonly string[],
  byDefault: readonly string[] = allowed,
): string | null {
  if (asked === undefined) return byDefault.filter((one) => allowed.includes(one)).join(' ')
  const scope = [...new Set(asked.split(' '))]
  return scope.every((one) => isScope(one) && allowed.includes(one)) ? scope.join(' ') : null
}

/** Whether two scopes hold the same scope-tokens, in whatever order. */
export function isSameScope(one: string, other: string): boolean {
  const sort = (scope: string) => splitScope(scope).sort().join(' ')
  return sort(one) === sort(other)
}
