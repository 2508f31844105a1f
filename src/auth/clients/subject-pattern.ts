/** Maximum length of a pattern (characters). */
const maxLength = 512

/** Pattern that matches every service account of a Kubernetes cluster. */
const everyServiceAccount = 'system:serviceaccount:*'

/** Matches a pattern that ends in a `*` after two segments or more. Colons and slashes separate segments. */
const boundedWildcard = /^[^*:/]+[:/][^*]*[^*:/][:/]\*$/

/**
 * Returns why a subject pattern cannot be used, or null. A pattern is a subject, or a prefix of subjects with a `*` as its last
 * segment. The prefix needs at least two segments, since `repo:*` matches the repositories of all accounts.
 */
export function findPatternProblem(pattern: string): string | null {
  if (pattern.length > maxLength || !/^[\x21-\x7E]+$/.test(pattern))
    return `a subject must consist of 1 to ${maxLength} printable ASCII characters without space`
  if (!pattern.includes('*')) return null
  if (!/^[^*]*[:/]\*$/.test(pattern) && pattern !== '*')
    return 'a * may only be the whole last segment of a subject, after a colon or a slash'
  const path = pattern.replace(/^[a-z][a-z0-9+.-]*:\/\//, '')
  return boundedWildcard.test(path) && pattern !== everyServiceAccount
    ? null
    : `the subject ${pattern} would match everybody: name at least an account, a repository owner or a namespace`
}

/** Returns whether a subject equals a pattern, or extends its prefix. */
export function matchesSubject(pattern: string, subject: string): boolean {
  if (!pattern.endsWith('*')) return subject === pattern
  const beginning = pattern.slice(0, -1)
  return subject.length > beginning.length && subject.startsWith(beginning)
}
