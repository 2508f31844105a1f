import type { IncomingMessage } from 'node:http'
import { withCheckedHost } from './checked-host.js'
import { exchange, type OutgoingRequest, readBody } from './exchange.js'
import type { ResolveName } from './name-resolver.js'
import { isInternal, toRequestUrl } from './request-url.js'

/** The receiver of a message. */
export interface Destination {
  url: string
  /** Hosts, with their ports, that may be in a private network, and may be called without TLS. */
  internalHosts: readonly string[]
  /** PEM certificates that replace the well-known certificate authorities, or null. */
  ca: string | null
}

/** The part of a response that the sender of a message needs. */
export interface Receipt {
  status: number
  /** Time to wait before the next message, as the header Retry-After has it (RFC 9110 §10.2.3); 0 without one (seconds). */
  retryAfterSeconds: number
}

/**
 * Sends a message by POST. The body of the response is read and dropped, as a server may not expect to be cut off; however it
 * ends, even beyond the time limit, the status counts.
 *
 * @throws Error that says in one line why there is no response
 */
export async function post(
  { url: text, internalHosts, ca }: Destination,
  request: Required<OutgoingRequest>,
  resolve?: ResolveName,
): Promise<Receipt> {
  const url = toRequestUrl(text, internalHosts)
  if (!url) throw new Error('not an https URL without user and fragment')
  const trust = { allowPrivateHost: isInternal(url, internalHosts), ca }
  let receipt: Receipt | undefined

  async function readReceipt(response: IncomingMessage): Promise<Receipt> {
    receipt = toReceipt(response)
    await readBody(response).catch(() => {})
    return receipt
  }

  try {
    return await withCheckedHost(url, trust, (host) => exchange(url, request, host, readReceipt), resolve)
  } catch (error) {
    if (receipt) return receipt
    throw error
  }
}

function toReceipt({ statusCode, headers }: IncomingMessage): Receipt {
  return { status: Number(statusCode), retryAfterSeconds: readRetryAfter(headers) }
}

/** Returns the seconds of Retry-After. A date is compared with the server's own clock, as the header Date has it. */
function readRetryAfter({ 'retry-after': value = '', date = '' }: IncomingMessage['headers']): number {
  if (/^\d{1,9}$/.test(value)) return Number(value)
  return Math.max(0, (Date.parse(value) - Date.parse(date)) / 1_000) || 0
}
