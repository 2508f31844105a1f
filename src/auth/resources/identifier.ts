/** Absolute URI without a fragment (RFC 8707 §2), in the characters of RFC 3986 §2. */
export const identifierSyntax =
  /^[A-Za-z][A-Za-z0-9+.-]*:(?:[A-Za-z0-9._~:/?@!$&'()*+,;=[\]-]|%[A-Fa-f0-9]{2})+$/

/** Maximum length of an identifier (characters). */
export const maxIdentifierLength = 1_024

/** Returns whether a text can identify a resource (RFC 8707 §2). */
export function isIdentifier(text: string): boolean {
  return text.length <= maxIdentifierLength && identifierSyntax.test(text)
}

/** Returns an identifier with the path `/` in place of an empty one, which is the same (RFC 3986 §6.2.3). */
export function withPath(identifier: string): string {
  return identifier.replace(/^([^:/?]+:\/\/[^/?]*)(\?|$)/, '$1/$2')
}
