import ipaddr from 'ipaddr.js'

/** A network that an address belongs to. */
export interface Network {
  /** Bytes that its addresses begin with, in hexadecimal digits. */
  prefix: string
  /** How many times the budget of one customer's network it has. */
  weight: number
}

/**
 * Prefixes of IPv6, in bytes, that a customer may be given: a /64 for one household, a /56 or a /48 for a site. All
 * addresses below the longest are one customer's; a shorter one may hold several, so its budget is larger.
 */
const ipv6Prefixes = [
  { bytes: 8, weight: 1 },
  { bytes: 7, weight: 4 },
  { bytes: 6, weight: 16 },
]

/** Where the peer has no address, as on a Unix socket, all requests come from one network. */
const local: readonly [Network] = [{ prefix: '', weight: 1 }]

/**
 * Returns the networks that an address belongs to, the smallest first: the IPv4 address itself, or the /64, /56 and /48
 * of an IPv6 address.
 *
 * @param address in its canonical spelling, or null
 */
export function networksOf(address: string | null): readonly [Network, ...Network[]] {
  if (address === null) return local
  const bytes = Buffer.from(ipaddr.process(address).toByteArray())
  if (bytes.length === 4) return [{ prefix: bytes.toString('hex'), weight: 1 }]
  const [smallest, ...larger] = ipv6Prefixes.map(({ bytes: length, weight }) => ({
    prefix: bytes.subarray(0, length).toString('hex'),
    weight,
  }))
  return [smallest as Network, ...larger]
}
