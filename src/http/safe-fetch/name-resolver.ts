import type { LookupAddress } from 'node:dns'
import { lookup } from 'node:dns/promises'
import { isIP, type LookupFunction } from 'node:net'
import { callbackify } from 'node:util'
import { LRUCache } from 'lru-cache'
import { boundConcurrency } from '../../lifecycle/concurrency.js'
import { singleFlight } from '../../lifecycle/single-flight.js'

// The system's resolver reads /etc/hosts and search domains, which c-ares (`dns.Resolver`) does not. But a call of it cannot be
// cancelled, and takes a thread of libuv's pool until the name server answers or has been given up, which can last a minute. Half of the
// threads are for such calls, and one must remain for connections to the database.

/** Maximum age of addresses that are used while no lookup can begin (milliseconds). */
const maxAgeMs = 600_000
/** Maximum number of names whose addresses are remembered. */
const maxRemembered = 1_000

/** Resolves a host name to all its addresses. */
export type ResolveName = (hostname: string) => Promise<LookupAddress[]>

type Lookup = (hostname: string, options: { all: true }) => Promise<LookupAddress[]>

/**
 * Creates a resolver for requests to other services. Requests for a name share one lookup (single flight), and of several names at
 * most `maximum` are looked up at once. Meanwhile others get the addresses of their last lookup, so that a name server that does not
 * answer holds up no other name, or wait if there was none. Addresses are resolved to themselves without waiting.
 */
export function createNameResolver(maximum: number, lookUp: Lookup = lookup): ResolveName {
  const remembered = new LRUCache<string, LookupAddress[]>({ max: maxRemembered, ttl: maxAgeMs })
  const runBounded = boundConcurrency(maximum)
  /** Number of lookups that are running or waiting. */
  let pending = 0

  const lookUpOnce = singleFlight(async function lookUpAndRemember(hostname: string) {
    pending += 1
    const addresses = await runBounded(() => lookUp(hostname, { all: true })).finally(() => {
      pending -= 1
    })
    remembered.set(hostname, addresses)
    return addresses
  })

  return async function resolveOnce(hostname) {
    const family = isIP(hostname)
    if (family !== 0) return [{ address: hostname, family }]
    const former = pending < maximum ? undefined : remembered.get(hostname)
    return former ?? lookUpOnce(hostname)
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
