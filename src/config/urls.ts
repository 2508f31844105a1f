import { isIP } from 'node:net'
import ipaddr from 'ipaddr.js'
import { parse as parseConnectionString } from 'pg-connection-string'

/** Longest name that PostgreSQL takes, without quotes and invisible characters. Statements name the schema in quotes. */
const schemaSyntax = /^[^"'\\\p{C}]{1,63}$/u
/** An origin as browsers send it: lower case, ASCII; no path, user, default port or wildcard. */
const browserOrigin = /^https?:\/\/([a-z0-9._-]+|\[[0-9a-f:.]+\])(:\d+)?$/

/** Returns the schema of our tables: the URL's parameter `schema`, as in Prisma's own URLs, or `public`. */
export function schemaOf(url: string): string {
  const [, parameters = ''] = url.replace(/#.*/s, '').split('?', 2)
  return new URLSearchParams(parameters).get('schema') || 'public'
}

export function hasUsableSchema(url: string): boolean {
  return schemaSyntax.test(schemaOf(url))
}

/** Returns whether PostgreSQL's driver can parse a URL. It also reads the certificates that the URL names. */
export function isConnectionString(url: string): boolean {
  try {
    const { port } = parseConnectionString(url)
    return !port || /^\d{1,5}$/.test(port)
  } catch {
    return false
  }
}

export function passwordOf(url: string): string | undefined {
  return parseConnectionString(url).password
}

/** Returns whether a browser can send this text as `Origin`. */
export function isBrowserOrigin(text: string): boolean {
  return browserOrigin.test(text) && URL.canParse(text) && new URL(text).origin === text
}

/** Returns whether a text is an IP address or a network in CIDR notation. */
export function isAddressOrNetwork(text: string): boolean {
  return isIP(text.replace(/\/.*/, '')) !== 0 && (isIP(text) !== 0 || ipaddr.isValidCIDR(text))
}

/** Returns whether a host, as HOST or a URL has it, can only be reached from this machine. */
export function isLoopback(host: string): boolean {
  const name = host.toLowerCase().replace(/^\[|\]$/g, '')
  if (ipaddr.isValid(name)) return ipaddr.process(name).range() === 'loopback'
  return name === 'localhost' || name.endsWith('.localhost')
}
