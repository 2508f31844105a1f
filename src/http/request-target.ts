/**
 * Returns the path and query of a request target (RFC 9112 §3.2). The authority of an absolute target is ignored, and
 * must not be reflected in a response. An encoded slash in the path is decoded, as the tutorial's server does it; the
 * query stays as it was sent.
 */
export function readTarget(target: string): string {
  return decodeSlashes(target.startsWith('/') ? target : withoutAuthority(target))
}

function withoutAuthority(target: string): string {
  const rest = target.replace(/^[a-z][a-z\d+.-]*:\/\/[^/?#]*/i, '')
  return rest.startsWith('/') || target === '*' ? rest : `/${rest}`
}

function decodeSlashes(target: string): string {
  if (!/%2f/i.test(target)) return target
  return target.replace(/^[^?]*/, (path) => path.replaceAll(/%2f/gi, '/'))
}

/** Splits a target into its path and its query, which may be empty. */
export function splitTarget(target: string): [path: string, query: string] {
  const end = target.indexOf('?')
  return end === -1 ? [target, ''] : [target.slice(0, end), target.slice(end + 1)]
}
