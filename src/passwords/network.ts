import ipaddr from 'ipaddr.js'

/** A network that an address belongs to. */
export interface Network {
  /** The bytes that its addresses begin with, in hexadecimal digits. */
  prefix: string
  /** Its budget, as a multiple of the budget of one customer's network. */
  weight: number
}

/**
 * IPv6 prefixes that providers assign to a customer: a /64 to a household, a /56 or a /48 to a site. A shorter prefix may
 * also hold several customers, so its budget is larger.
 */
const ipv6Prefixes = [
  { bytes: 8, weight: 1 },
  { bytes: 7, weight: 4 },
  { bytes: 6, weight: 16 },
]

/** The one network of all requests without a peer address, as on a Unix socket. */
const local: readonly [Network] = [{ prefix: '', weight: 1 }]

/**
 * Returns the networks that an address belongs to, the smallest first: the IPv4 address itself, or the /64, /56 and /48
 * of an IPv6 address.
 *
 * @param address in its canonical spelling, or null when the peer has none
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
