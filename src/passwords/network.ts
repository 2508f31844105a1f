import ipaddr from 'ipaddr.js'

/** So much of an IPv6 address names the network: below it one customer has all addresses. */
const ipv6PrefixBytes = 8

/** The network that an address belongs to: the IPv4 address itself, or the /64 of IPv6. */
export function networkOf(address: string): string {
  if (!ipaddr.isValid(address)) return address
  const parsed = ipaddr.process(address)
  const bytes = parsed.toByteArray()
  return Buffer.from(bytes.length > 4 ? bytes.slice(0, ipv6PrefixBytes) : bytes).toString('hex')
}
