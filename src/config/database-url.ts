import { parse as parseConnectionString } from 'pg-connection-string'
import { findHostsProblem, type Purpose, parametersOf, splitHosts } from './database-hosts.js'
import { findSimilar } from './similar-names.js'
import { findUrlProblem, isLoopback } from './urls.js'

/** Longest name that PostgreSQL takes, without quotes and invisible characters. Statements name the schema in quotes. */
const schemaSyntax = /^[^"'\\\p{C}]{1,63}$/u
/** Schemas that PostgreSQL keeps for itself. */
const systemSchema = /^(pg_|information_schema$)/

/** Port of PostgreSQL where none is named. */
const defaultPort = 5_432
const maxPort = 65_535

/** Possible values of parameters of which the driver does not take any other. */
const choices = {
  sslmode: ['disable', 'no-verify', 'require', 'verify-ca', 'verify-full'],
  ssl: ['true', '1', '0', 'no-verify'],
  sslnegotiation: ['postgres', 'direct'],
}

/** Parameters that say how to connect. */
const usedParameters = [
  'application_name',
  'host',
  'options',
  'password',
  'port',
  'schema',
  'ssl',
  'sslcert',
  'sslkey',
  'sslmode',
  'sslnegotiation',
  'sslrootcert',
  'target_session_attrs',
  'uselibpqcompat',
  'user',
]

/** Parameters of PostgreSQL's and Prisma's own URLs that have no effect here, as Latchkey sets these things itself. */
const ignoredParameters = [
  'channel_binding',
  'client_encoding',
  'connect_timeout',
  'connection_limit',
  'fallback_application_name',
  'gssencmode',
  'idle_in_transaction_session_timeout',
  'keepalives',
  'keepalives_count',
  'keepalives_idle',
  'keepalives_interval',
  'lock_timeout',
  'pgbouncer',
  'pool_timeout',
  'query_timeout',
  'socket_timeout',
  'statement_cache_size',
  'statement_timeout',
  'tcp_user_timeout',
]

const knownParameters = [...usedParameters, ...ignoredParameters]

/** Returns the schema of our tables: the URL's parameter `schema`, as in Prisma's own URLs, or `public`. */
export function schemaOf(url: string): string {
  return parametersOf(url).get('schema') || 'public'
}

/** Returns the password of a URL: that of its parameters, before that of its user. */
export function passwordOf(url: string): string | undefined {
  return parseConnectionString(driverUrl(url)).password
}

/** Returns whether a URL leads only to servers on this machine: over the loopback network or sockets. */
export function isOnThisMachine(url: string): boolean {
  return addressesOf(url).every(({ host }) => host.startsWith('/') || isLoopback(host))
}

/** Address of a server. */
export interface Address {
  /** Name, IP address, or directory of a socket. */
  host: string
  port: number
}

/** Returns the addresses of the servers of a URL, in its order. */
export function addressesOf(url: string): [Address, ...Address[]] {
  const [first, ...others] = splitHosts(url)
  return [addressOf(first), ...others.map(addressOf)]
}

function addressOf(single: string): Address {
  const { host, port } = parseConnectionString(driverUrl(single))
  return { host: host || 'localhost', port: port ? toPort(port) : defaultPort }
}

/** Returns the same text for spellings of one address. Names are not case-sensitive, directories are. */
function keyOf({ host, port }: Address): string {
  return `${host.startsWith('/') ? host : host.toLowerCase()}:${port}`
}

function toPort(text: string): number {
  return /^\d{1,5}$/.test(text) ? Number(text) : Number.NaN
}

/**
 * Returns the URL for PostgreSQL's driver, which knows only one host: it has the first one. The driver treats the modes `require` and
 * `verify-ca` as `verify-full`, with a warning. They are replaced to avoid the warning.
 */
export function driverUrl(url: string): string {
  const [single] = splitHosts(url)
  if (parametersOf(url).get('uselibpqcompat') === 'true') return single
  return single.replace(/([?&]sslmode=)(require|verify-ca)(?=&|$)/, '$1verify-full')
}

/**
 * Returns why a URL cannot be used for every connection, or null. The reason completes a sentence that begins with the
 * setting. It contains no part of the URL, which may be a secret.
 */
export function findDatabaseUrlProblem(url: string, purpose: Purpose): string | null {
  return (
    findSchemeProblem(url) ??
    findUrlProblem(url) ??
    findParameterProblem(parametersOf(url)) ??
    findHostsProblem(url, purpose) ??
    findDriverProblem(url) ??
    findSchemaProblem(url)
  )
}

function findSchemeProblem(url: string): string | null {
  return /^postgres(ql)?\+/.test(url)
    ? 'names a driver of SQLAlchemy: it must begin with postgresql://'
    : null
}

function findParameterProblem(parameters: URLSearchParams): string | null {
  for (const name of new Set(parameters.keys())) {
    if (!knownParameters.includes(name)) {
      const similar = findSimilar(name, knownParameters)
      return `has an unknown parameter${similar ? `: did you mean ${similar}?` : ''}`
    }
    if (parameters.getAll(name).length > 1) return `has the parameter ${name} more than once`
  }
  for (const [name, values] of Object.entries(choices))
    if (parameters.has(name) && !values.includes(String(parameters.get(name))))
      return `has an unsupported ${name}: it must be one of ${values.join(', ')}`
  return null
}

/** Parses the URL as the driver does, which also reads the certificates that the URL names. */
function findDriverProblem(url: string): string | null {
  try {
    const addresses = addressesOf(url)
    if (addresses.some(({ host }) => host.includes(','))) return 'has a comma in the name of a host'
    if (new Set(addresses.map(keyOf)).size < addresses.length) return 'names a host more than once'
    return addresses.every(({ port }) => port >= 1 && port <= maxPort) ? null : 'has an invalid port'
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException
    if (code === 'ERR_INVALID_URL')
      return 'is not a valid URL: check the port, and percent-encode special characters'
    return `names a certificate or key that cannot be used${code ? ` (${code})` : ''}`
  }
}

function findSchemaProblem(url: string): string | null {
  const schema = schemaOf(url)
  if (!schemaSyntax.test(schema))
    return 'names a schema that is too long, or has quotes, backslashes or control characters'
  return systemSchema.test(schema) ? "names one of PostgreSQL's own schemas" : null
}
