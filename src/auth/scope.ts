/** What a user's token can be good for, in the order in which it is written. */
export const userScopes = ['me', 'items:read', 'items:write'] as const

/** Whether every user has that scope. */
export function isUserScope(scope: string): boolean {
  return (userScopes as readonly string[]).includes(scope)
}

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
 * The scope to grant (RFC 6749 §3.3): all that is allowed when nothing was asked for, else what was asked for, each
 * scope-token once. Null when that is malformed or more than is allowed.
 */
export function grantScope(asked: string | undefined, allowed: readonly string[]): string | null {
  if (asked === undefined) return allowed.join(' ')
  const scope = [...new Set(asked.split(' '))]
  return scope.every((one) => isScope(one) && allowed.includes(one)) ? scope.join(' ') : null
}

/** Whether two scopes hold the same scope-tokens, in whatever order. */
export function isSameScope(one: string, other: string): boolean {
  const sort = (scope: string) => splitScope(scope).sort().join(' ')
  return sort(one) === sort(other)
}
