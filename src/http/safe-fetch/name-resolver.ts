import type { LookupAddress } from 'node:dns'
import { lookup } from 'node:dns/promises'
import { isIP, type LookupFunction } from 'node:net'
import { callbackify } from 'node:util'
import { boundConcurrency } from '../../lifecycle/concurrency.js'
import { singleFlight } from '../../lifecycle/single-flight.js'

// The system's resolver reads /etc/hosts and search domains, which c-ares (`dns.Resolver`) does not. But a call of it cannot be
// cancelled, and takes a thread of libuv's pool until the name server answers or has been given up, which can last a minute. Half of the
// threads are for such calls, and one must remain for connections to the database.

/** Resolves a host name to all its addresses. */
export type ResolveName = (hostname: string) => Promise<LookupAddress[]>

type Lookup = (hostname: string, options: { all: true }) => Promise<LookupAddress[]>

/**
 * Creates a resolver for requests to other services. Requests for a name share one lookup (single flight), and of several names at
 * most `maximum` are looked up at once; the others wait. Addresses are resolved to themselves without waiting.
 */
export function createNameResolver(maximum: number, lookUp: Lookup = lookup): ResolveName {
  const runBounded = boundConcurrency(maximum)
  const lookUpOnce = singleFlight((hostname) => runBounded(() => lookUp(hostname, { all: true })))
  return async function resolveOnce(hostname) {
    const family = isIP(hostname)
    return family === 0 ? lookUpOnce(hostname) : [{ address: hostname, family }]
  }
}

/** The resolver of this process, as the pool of threads is. */
let resolver = createNameResolver(1)

/** Sets how many names are looked up at once in this process; 1 at first. */
export function limitNameLookups(maximum: number): void {
  resolver = createNameResolver(maximum)
}

/** Resolves a name within the limit of this process. */
export const resolveName: ResolveName = (hostname) => resolver(hostname)

const resolveForConnection = callbackify(resolveName)

/** Does the same for connections that Node.js makes, with `autoSelectFamily`. */
export const lookUpForConnection: LookupFunction = (hostname, _options, callback) =>
  resolveForConnection(hostname, callback)
