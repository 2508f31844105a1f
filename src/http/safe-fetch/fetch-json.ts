import type { IncomingMessage } from 'node:http'
import { type Trust, withCheckedHost } from './checked-host.js'
import { exchange, readBody } from './exchange.js'
import type { ResolveName } from './name-resolver.js'
import { toHttpsUrl } from './request-url.js'

/** A document on another server, and how far that server is trusted. */
export interface RemoteDocument extends Trust {
  url: string
}

/**
 * Fetches a JSON document over HTTPS.
 *
 * @throws Error that says in one line why there is no document
 */
export async function fetchJson(
  { url: text, ...trust }: RemoteDocument,
  resolve?: ResolveName,
): Promise<unknown> {
  const url = toHttpsUrl(text)
  if (!url) throw new Error('not an https URL without user and fragment')
  const request = { headers: { accept: 'application/json' } }
  return withCheckedHost(url, trust, (host) => exchange(url, request, host, readJson), resolve)
}

/** @throws Error for a response that is not successful, redirects included, or not JSON */
async function readJson(response: IncomingMessage): Promise<unknown> {
  if (response.statusCode !== 200) throw new Error(`the response has the status ${response.statusCode}`)
  const text = await readBody(response)
  try {
    return JSON.parse(text)
  } catch {
    throw new Error('the response is not JSON')
  }
}
