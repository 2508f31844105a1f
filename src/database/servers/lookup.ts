import { lookup } from 'node:dns/promises'
import type { LookupFunction } from 'node:net'
import { callbackify } from 'node:util'
import { singleFlight } from '../../lifecycle/single-flight.js'

const lookUpOnce = callbackify(singleFlight((hostname) => lookup(hostname, { all: true })))

/**
 * Looks up a host for connections with `autoSelectFamily`, which share one lookup of a name. A lookup cannot be cancelled, and takes one
 * of few threads until it is answered or given up. Without sharing, the connections of a pool whose first host is not answered for would
 * take all of them, and could not look up the next host.
 */
export const lookUpServer: LookupFunction = (hostname, _options, callback) => lookUpOnce(hostname, callback)
