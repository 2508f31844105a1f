import { abortable } from '../runtime/abortable.js'

/** A request that can be given a token. */
export interface Outgoing {
  url: URL
  init: RequestInit
}

/**
 * Returns the URL and the options of a request. The body of a `Request` is read into memory, so that it can be sent again.
 *
 * @throws TypeError for an invalid URL, or a body that was read before
 * @throws the reason of the signal
 */
export async function toOutgoing(input: string | URL | Request, init: RequestInit): Promise<Outgoing> {
  if (!(input instanceof Request)) return { url: resolve(input), init }
  const request = new Request(input, init)
  const { url, method, headers, signal } = request
  const body = request.body === null ? null : await abortable(request.arrayBuffer(), signal)
  return { url: new URL(url), init: { ...readSettings(request), method, headers, signal, body } }
}

/** Resolves an URL, in a browser relative to the page. */
function resolve(url: string | URL): URL {
  const { location } = globalThis as { location?: { href: string } }
  return new URL(url, location?.href)
}

/** Returns the settings of a request which the platform has. */
function readSettings(request: Request): RequestInit {
  const { redirect, cache, credentials, integrity, keepalive, mode, referrer, referrerPolicy } = request
  const settings = { redirect, cache, credentials, integrity, keepalive, mode, referrer, referrerPolicy }
  return Object.fromEntries(Object.entries(settings).filter(([, value]) => value !== undefined))
}

/** Returns whether a body can be sent more than once. A stream can not. */
export function isRepeatable(body: RequestInit['body']): boolean {
  return (
    body === undefined ||
    body === null ||
    typeof body === 'string' ||
    body instanceof URLSearchParams ||
    body instanceof FormData ||
    body instanceof Blob ||
    body instanceof ArrayBuffer ||
    ArrayBuffer.isView(body)
  )
}
