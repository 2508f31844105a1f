import { isIP } from 'node:net'
import ipaddr from 'ipaddr.js'
import { normalizeAddress } from '../server/client-address.js'
import { hostOf } from './request-url.js'

/** Addresses outside of link-local ranges at which clouds serve credentials: of Azure, Alibaba Cloud, AWS and Google Cloud. */
const metadataAddresses = ['168.63.129.16', '100.100.100.200', 'fd00:ec2::254', 'fd20:ce::254']

/** Ranges of private networks, in the words of ipaddr.js. Link-local addresses are not among them: clouds serve credentials there. */
const privateRanges = ['private', 'loopback', 'uniqueLocal', 'carrierGradeNat']

/** Prefixes of IPv6 addresses: of all global unicast ones (RFC 4291 §2.4), and of those that NAT64 translates (RFC 6052 §2.1). */
const globalUnicast = ipaddr.IPv6.parseCIDR('2000::/3')
const nat64 = ipaddr.IPv6.parseCIDR('64:ff9b::/96')

/**
 * Returns whether requests may be sent to an address: it is public or, where the operator allows it, in a private network.
 * An IPv4 address counts as itself in its mapped form (RFC 4291 §2.5.5.2) and behind NAT64 too. Any other address that stands
 * for an IPv4 address is refused.
 */
export function isPermitted(address: string, allowsPrivate: boolean): boolean {
  const range = rangeOf(address)
  return range === 'unicast' || (allowsPrivate && privateRanges.includes(range))
}

/** Returns whether the host of a URL is an address to which no request may be sent. Names are resolved at each request. */
export function namesForbiddenAddress(url: URL, allowsPrivate: boolean): boolean {
  const host = hostOf(url)
  return isIP(host) !== 0 && !isPermitted(host, allowsPrivate)
}

/** Returns the range of an address, which is `unicast` for a public one. */
function rangeOf(address: string): string {
  const parsed = translate(ipaddr.parse(normalizeAddress(address) ?? '::'))
  if (metadataAddresses.includes(parsed.toString())) return 'metadata'
  const range = parsed.range()
  const isOutside = parsed instanceof ipaddr.IPv6 && !parsed.match(globalUnicast)
  return range === 'unicast' && isOutside ? 'reserved' : range
}

/** Returns the IPv4 address that an IPv6 address of NAT64 stands for, and any other address as it is. */
function translate(address: ipaddr.IPv4 | ipaddr.IPv6): ipaddr.IPv4 | ipaddr.IPv6 {
  const isTranslated = address instanceof ipaddr.IPv6 && address.match(nat64)
  return isTranslated ? new ipaddr.IPv4(address.toByteArray().slice(12)) : address
}
