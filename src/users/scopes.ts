import { Type } from 'typebox'

/** Scopes of this service that an administrator can grant to a user beyond those that every user has. */
export const grantableScopes = ['users:admin', 'items:admin'] as const

/** Maximum length of a scope-token (characters). */
export const maxScopeTokenLength = 255

/** Syntax of a scope-token (RFC 6749 §3.3): printable ASCII without space, `"` and `\`. */
export const scopeTokenSyntax = /^[\x21\x23-\x5B\x5D-\x7E]+$/

/** Name of a scope (RFC 6749 §3.3). */
export const scopeName = Type.String({
  minLength: 1,
  maxLength: maxScopeTokenLength,
  pattern: scopeTokenSyntax.source,
  description: 'Printable ASCII characters other than space, `"` and `\\`.',
})
