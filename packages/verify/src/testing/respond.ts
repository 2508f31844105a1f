import { base64url } from 'jose'

/** Fault of every request to a test issuer: a status, a page of a proxy, a broken connection, or no response at all. */
export type TestFault = number | 'html' | 'network' | 'silence'

/** A document of a test issuer. */
export interface TestDocument {
  type: string
  body: string
  /** Text that differs whenever the document does. */
  version: string
  /** Time for which it may be cached (seconds). */
  maxAge: number
}

/** Answers a request with a document, or with 304 if the sender has it (RFC 9110 §13.1.2). */
export async function respondWith(
  { type, body, version, maxAge }: TestDocument,
  request: Request,
): Promise<Response> {
  const digest = await crypto.subtle.digest('SHA-256', new TextEncoder().encode(version))
  const etag = `"${base64url.encode(new Uint8Array(digest))}"`
  const headers = { etag, 'cache-control': `public, max-age=${maxAge}` }
  if (request.headers.get('if-none-match') === etag) return new Response(null, { status: 304, headers })
  return new Response(body, { headers: { ...headers, 'content-type': type } })
}

/** Answers a request for a document that the issuer does not have. */
export function respondNotFound(): Response {
  return Response.json({ detail: 'Not Found', code: 'not_found' }, { status: 404 })
}

/** Answers a request with a fault. */
export async function respondWithFault(fault: TestFault): Promise<Response> {
  if (fault === 'network') throw new TypeError('fetch failed')
  if (fault === 'silence') return new Promise(() => {})
  if (fault === 'html')
    return new Response('<!doctype html><title>Sign in</title>', { headers: { 'content-type': 'text/html' } })
  return Response.json({ detail: 'This is a test' }, { status: fault })
}
