import { BlockList, isIP } from 'node:net'
import type { FastifyInstance, FastifyRequest } from 'fastify'
import plugin from 'fastify-plugin'
import ipaddr from 'ipaddr.js'

declare module 'fastify' {
  interface FastifyRequest {
    /**
     * The network address of the client in canonical form: the address that trusted proxies report or, if that is not an
     * address, the one of the peer. Null if the peer has no address, as on a Unix socket.
     */
    readonly clientAddress: string | null
  }
}

/** Maximum length of an address with brackets, zone and port (characters). */
const maxAddressLength = 128

/** Adds `request.clientAddress`, which rate limits, audit events and the log share. */
export const clientAddress = plugin(registerClientAddress, { name: 'client-address' })

async function registerClientAddress(app: FastifyInstance): Promise<void> {
  app.decorateRequest('clientAddress', {
    getter(this: FastifyRequest) {
      return normalizeAddress(this.ip) ?? normalizeAddress(this.raw.socket.remoteAddress)
    },
  })
}

/**
 * Returns the canonical form of an address as proxies write it: it may have a port (`192.0.2.1:40000`), brackets
 * (`[2001:db8::1]:40000`) or a zone (`fe80::1%eth0`). An IPv4-mapped IPv6 address becomes the IPv4 address. Returns null
 * for any other text.
 */
export function normalizeAddress(text: string | undefined): string | null {
  if (text === undefined || text.length > maxAddressLength) return null
  const address = withoutZone(withoutPort(text.trim()))
  const version = isIP(address)
  if (version === 4) return address
  return version === 6 ? ipaddr.process(withoutDots(address)).toString() : null
}

/** Rewrites an IPv6 address that ends in IPv4 notation, as the parser would take any such address for a mapped one. */
function withoutDots(address: string): string {
  const start = address.lastIndexOf(':') + 1
  const tail = address.slice(start)
  if (isIP(tail) !== 4) return address
  const digits = Buffer.from(tail.split('.').map(Number)).toString('hex')
  return `${address.slice(0, start)}${digits.slice(0, 4)}:${digits.slice(4)}`
}

/** Returns a function that checks whether an address belongs to one of the given addresses and networks (CIDR). */
export function trustNetworks(networks: readonly string[]): (address: string) => boolean {
  const trusted = new BlockList()
  for (const network of networks) {
    const [address = '', prefix] = network.split('/', 2)
    const family = familyOf(address)
    if (prefix === undefined) trusted.addAddress(address, family)
    else trusted.addSubnet(address, Number(prefix), family)
  }
  return function isTrusted(text) {
    const address = normalizeAddress(text)
    return address !== null && trusted.check(address, familyOf(address))
  }
}

function withoutPort(text: string): string {
  const bracketed = /^\[([^\]]*)\](?::\d{1,5})?$/.exec(text)
  return bracketed?.[1] ?? text.replace(/^([\d.]+):\d{1,5}$/, '$1')
}

function withoutZone(text: string): string {
  return text.replace(/%.*/s, '')
}

function familyOf(address: string): 'ipv4' | 'ipv6' {
  return isIP(address) === 4 ? 'ipv4' : 'ipv6'
}
