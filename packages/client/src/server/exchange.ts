import { ClientError } from '../errors/client-error.js'
import { abortable } from '../runtime/abortable.js'
import type { Clock } from '../runtime/clock.js'
import { readText, TooManyBytes } from './read-text.js'

/** The part of `fetch` that the client uses. */
export type Fetch = (url: string, init: RequestInit) => Promise<Response>

/** What an exchange with the server needs. */
export interface ExchangeConfig {
  fetch: Fetch
  clock: Clock
  /** Time for the whole response (milliseconds). */
  timeoutMs: number
}

/** A complete response. */
export interface Exchanged {
  status: number
  text: string
  headers: Headers
}

/** Maximum size of a response (bytes). */
const maxBytes = 65_536

/**
 * Sends a request to the server, and reads its response: in bounded time and size, and without following redirects.
 *
 * @throws ClientError `unreachable`, `timeout`, `redirect`, `too_large`, `bad_status` for a status of 429 or at least 500
 */
export async function exchange(
  url: string,
  init: Omit<RequestInit, 'signal' | 'redirect'>,
  { fetch, clock, timeoutMs }: ExchangeConfig,
): Promise<Exchanged> {
  const signal = clock.timeout(timeoutMs)
  try {
    // A `fetch` that ignores its signal must not hold anything up.
    return await abortable(send(url, { ...init, signal, redirect: 'manual' }, fetch), signal)
  } catch (cause) {
    if (cause instanceof ClientError) throw cause
    if (cause instanceof TooManyBytes)
      throw new ClientError('too_large', `The response of ${url} has more than ${maxBytes} bytes`, { cause })
    const retryable = true
    if (signal.aborted)
      throw new ClientError('timeout', `No response of ${url} within ${timeoutMs} ms`, { cause, retryable })
    throw new ClientError('unreachable', `${url} cannot be reached`, { cause, retryable })
  }
}

async function send(url: string, init: RequestInit, fetch: Fetch): Promise<Exchanged> {
  const response = await fetch(url, init)
  const { status, type, headers } = response
  const isRedirect = type === 'opaqueredirect' || (status >= 300 && status < 400)
  if (!isRedirect && !isBusy(status))
    return { status, text: await readText(response.body, maxBytes), headers }
  await response.body?.cancel()
  if (isRedirect) throw new ClientError('redirect', `${url} answers with a redirect`, { status })
  throw unexpectedStatus(url, response)
}

/** Returns the error for a status that no valid response has. */
export function unexpectedStatus(url: string, { status, headers }: Omit<Exchanged, 'text'>): ClientError {
  const retryAfterMs = readRetryAfter(headers)
  return new ClientError('bad_status', `${url} answers with status ${status}`, {
    status,
    retryAfterMs,
    retryable: isBusy(status),
  })
}

function isBusy(status: number): boolean {
  return status === 429 || status >= 500
}

/** Returns the time in `Retry-After` (milliseconds; RFC 9110 §10.2.3), or null without one in seconds. */
function readRetryAfter(headers: Headers): number | null {
  const value = headers.get('retry-after') ?? ''
  return /^\d{1,9}$/.test(value) ? Number(value) * 1000 : null
}
