import type { LookupAddress } from 'node:dns'
import { lookup } from 'node:dns/promises'
import { isPermitted } from './address.js'
import { get } from './get.js'
import { toHttpsUrl } from './https-url.js'

/** Time for the whole fetch: name resolution, connection and response (milliseconds). */
const timeLimitMs = 5_000

/** A document on another server, and how far that server is trusted. */
export interface RemoteDocument {
  url: string
  /** Whether the host may be in a private network. */
  allowPrivateHost: boolean
  /** PEM certificates that replace the well-known certificate authorities, or null. */
  ca: string | null
}

/** Resolves a host name to all its addresses. */
export type Resolve = (hostname: string, options: { all: true }) => Promise<LookupAddress[]>

/**
 * Fetches a JSON document over HTTPS. This is the only client of other servers, and it is protected against server-side
 * request forgery: it resolves the name once, refuses it unless every address is permitted, and connects to those addresses
 * only. It follows no redirect, and limits time and size.
 *
 * @throws Error that says in one line why there is no document
 */
export async function fetchJson(document: RemoteDocument, resolve: Resolve = lookup): Promise<unknown> {
  const url = toHttpsUrl(document.url)
  if (!url) throw new Error('not an https URL without user and fragment')
  const signal = AbortSignal.timeout(timeLimitMs)
  try {
    // The race ends on time whatever a server or a resolver does.
    return await Promise.race([fetchFrom(url, document, resolve, signal), rejectWhenAborted(signal)])
  } catch (error) {
    throw signal.aborted ? new Error(`no response within ${timeLimitMs / 1_000} s`) : error
  }
}

async function fetchFrom(url: URL, document: RemoteDocument, resolve: Resolve, signal: AbortSignal) {
  const addresses = await resolve(hostOf(url), { all: true })
  if (!addresses.every(({ address }) => isPermitted(address, document.allowPrivateHost)))
    throw new Error('the host has an address that is not public')
  return parseJson(await get(url, { addresses, ca: document.ca, signal }))
}

/** Returns the host of a URL, an IPv6 address without its brackets. */
function hostOf({ hostname }: URL): string {
  return hostname.replace(/^\[|\]$/g, '')
}

function rejectWhenAborted(signal: AbortSignal): Promise<never> {
  return new Promise((_resolve, reject) => {
    signal.addEventListener('abort', () => reject(signal.reason as Error), { once: true })
  })
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    throw new Error('the response is not JSON')
  }
}
