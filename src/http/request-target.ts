/** Path at which proxies ask whether a request may pass. */
export const verifyPath = '/verify'

/**
 * Returns the path and query of a request target (RFC 9112 §3.2). The authority of an absolute target is ignored, and
 * must not be reflected in a response. `*` becomes a path without a route, as the router would take it for `/`. As the
 * tutorial's server does it, an encoded slash in the path is decoded, and a fragment, which a target must not have, is removed.
 * The query stays as it was sent. What a proxy has appended to its own target is removed.
 */
export function readTarget(target: string): string {
  const whole = target.replace(/#.*/s, '')
  return withoutForwarded(decodeSlashes(whole.startsWith('/') ? whole : withoutAuthority(whole)))
}

function withoutAuthority(target: string): string {
  const rest = target.replace(/^[a-z][a-z\d+.-]*:\/\/[^/?#]*/i, '')
  return rest.startsWith('/') ? rest : `/${rest}`
}

function decodeSlashes(target: string): string {
  if (!/%2f/i.test(target)) return target
  return target.replace(/^[^?]*/, (path) => path.replaceAll(/%2f/gi, '/'))
}

/**
 * Removes the target of the request that a proxy asks about: all that follows `/verify/` or, in a query, the parameter `uri`.
 * It comes from the client of the proxy, so it may be malformed, and must not decide anything.
 */
function withoutForwarded(target: string): string {
  if (target.startsWith(`${verifyPath}/`)) return `${verifyPath}/`
  return target.startsWith(`${verifyPath}?`) ? target.replace(/[?&]uri=.*/s, '') : target
}

/** Splits a target into its path and its query, which may be empty. */
export function splitTarget(target: string): [path: string, query: string] {
  const end = target.indexOf('?')
  return end === -1 ? [target, ''] : [target.slice(0, end), target.slice(end + 1)]
}
