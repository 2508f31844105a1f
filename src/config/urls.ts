import { isIP } from 'node:net'
import ipaddr from 'ipaddr.js'

/** An origin as people write it: without user, path or wildcard. */
const writtenOrigin = /^https?:\/\/[^\s/?#@\\*]+\/?$/i

/**
 * Returns which character of a URL must be percent-encoded and is not, or null. The reason completes a sentence that begins
 * with the setting.
 */
export function findUrlProblem(url: string): string | null {
  const beforeQuery = url.replace(/\?.*/s, '')
  const query = url.slice(beforeQuery.length)
  const authority = authorityOf(url)
  const path = beforeQuery.replace(/^\w+:\/\/[^/]*/, '')
  if (url.includes('#')) return 'has a #, which must be written %23'
  if (path.includes('@') || (!authority.includes('@') && /^[^=]*@/.test(query)))
    return 'has a / or ? in its user or password, which must be written %2F or %3F'
  if (/\s/.test(url) || hasMalformedEscape(url))
    return 'has a space or an invalid % sequence: special characters must be percent-encoded'
  return null
}

/** Returns the part of a URL between `//` and the path or the query. */
export function authorityOf(url: string): string {
  return url.replace(/^\w+:\/\//, '').replace(/[/?].*/s, '')
}

/** Returns whether a URL has a `%` that does not begin the code of a character, or begins that of a control character. */
function hasMalformedEscape(url: string): boolean {
  try {
    return /\p{Cc}/u.test(decodeURIComponent(url))
  } catch {
    return true
  }
}

/** Returns an origin as browsers send it (lower case, in ASCII, without default port), or null if a text is not an origin. */
export function toBrowserOrigin(text: string): string | null {
  return writtenOrigin.test(text) && URL.canParse(text) ? new URL(text).origin : null
}

/** Returns whether a text is an IP address or a network in CIDR notation. */
export function isAddressOrNetwork(text: string): boolean {
  return isIP(text.replace(/\/.*/, '')) !== 0 && (isIP(text) !== 0 || ipaddr.isValidCIDR(text))
}

/** Returns whether a text is the host of a URL as `URL` normalises it, with its port unless that is the default one. */
export function isUrlHost(text: string): boolean {
  return ['http', 'https'].some((scheme) => {
    const url = `${scheme}://${text}`
    return URL.canParse(url) && new URL(url).host === text
  })
}

/** Returns whether a host, as HOST or a URL has it, can only be reached from this machine. */
export function isLoopback(host: string): boolean {
  const name = host.toLowerCase().replace(/^\[|\]$/g, '')
  if (ipaddr.isValid(name)) return ipaddr.process(name).range() === 'loopback'
  return name === 'localhost' || name.endsWith('.localhost')
}
