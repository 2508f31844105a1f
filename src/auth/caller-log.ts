import type { FastifyInstance, FastifyRequest } from 'fastify'
import { LRUCache } from 'lru-cache'
import { keyedDigest } from '../passwords/keyed-digest.js'

/** A caller: a client, and the subject of a token, whether or not it may do what it asks for. */
interface Caller {
  clientId: string | undefined
  sub?: string
}

/** Adds the caller of a request to its line in the log. */
export type LogCaller = (request: FastifyRequest, caller: Caller) => Promise<void>

/** Maximum number of digests in memory. */
const maxDigests = 10_000
/** Number of bytes of a digest that are logged. */
const loggedBytes = 16

/**
 * Creates a function that adds callers to the log. A subject is logged as a digest by the MAC key: it is the same in all lines
 * of all processes of a deployment, and cannot be matched to a name without the key.
 */
export function createCallerLog({
  changes,
  readMacKey,
}: Pick<FastifyInstance, 'changes' | 'readMacKey'>): LogCaller {
  const digests = new LRUCache<string, string>({ max: maxDigests })
  changes.subscribe(function invalidate(change) {
    if (change === null || change.startsWith('mac:')) digests.clear()
  })

  async function digest(sub: string): Promise<string> {
    const digest = keyedDigest(await readMacKey(), 'logged subject', sub)
    const logged = digest.toString('base64url', 0, loggedBytes)
    digests.set(sub, logged)
    return logged
  }

  return async function logCaller(request, { clientId, sub }) {
    request.loggedCaller = { clientId, subject: sub && (digests.get(sub) ?? (await digest(sub))) }
  }
}
