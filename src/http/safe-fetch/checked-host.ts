import type { LookupAddress } from 'node:dns'
import { isPermitted } from './address.js'
import { type ResolveName, resolveName } from './name-resolver.js'
import { hostOf } from './request-url.js'

// `fetchJson` and `post` are the only clients of other servers. Both send their requests by `withCheckedHost`, which protects against
// server-side request forgery.

/** Time for a whole exchange: name resolution, connection and response (milliseconds). */
const timeLimitMs = 5_000

/** How far a server is trusted. */
export interface Trust {
  /** Whether the host may be in a private network. */
  allowPrivateHost: boolean
  /** PEM certificates that replace the well-known certificate authorities, or null. */
  ca: string | null
}

/** A host whose addresses were checked, and the limits of a connection to it. */
export interface CheckedHost {
  addresses: LookupAddress[]
  ca: string | null
  signal: AbortSignal
}

/**
 * Sends a request to a host after checking it: resolves the name once, refuses it unless every address is permitted, and limits the
 * time. The request must connect to these addresses only.
 *
 * @throws Error that says in one line why there is no result
 */
export async function withCheckedHost<T>(
  url: URL,
  { allowPrivateHost, ca }: Trust,
  send: (host: CheckedHost) => Promise<T>,
  resolve: ResolveName = resolveName,
): Promise<T> {
  const signal = AbortSignal.timeout(timeLimitMs)
  let missing = 'address of the host'
  async function resolveAndSend(): Promise<T> {
    const addresses = await resolve(hostOf(url))
    missing = 'response'
    if (!addresses.every(({ address }) => isPermitted(address, allowPrivateHost)))
      throw new Error('the host has an address that is not public')
    return send({ addresses, ca, signal })
  }
  try {
    // The race ends on time whatever a server or a resolver does.
    return await Promise.race([resolveAndSend(), rejectWhenAborted(signal)])
  } catch (error) {
    throw signal.aborted ? new Error(`no ${missing} within ${timeLimitMs / 1_000} s`) : error
  }
}

function rejectWhenAborted(signal: AbortSignal): Promise<never> {
  return new Promise((_resolve, reject) => {
    signal.addEventListener('abort', () => reject(signal.reason as Error), { once: true })
  })
}
