import { DocumentError, type DocumentErrorCode, type DocumentName } from '../errors/document-error.js'
import { abortable } from '../runtime/abortable.js'
import { parseObject } from '../token/json.js'
import { readBytes, TooManyBytes } from './read-bytes.js'

/** The part of `fetch` that the verifier uses. */
export type Fetch = (
  url: string,
  init: { headers: Record<string, string>; redirect: 'manual'; signal: AbortSignal },
) => Promise<Response>

/** Document to fetch, and limits of the response. */
export interface DocumentRequest {
  document: DocumentName
  url: string
  /** Media type of the document. */
  accept: string
  /** `ETag` of the copy that is kept; null without one. */
  etag: string | null
  maxBytes: number
  /** Time for the whole response (milliseconds). */
  timeoutMs: number
}

/** Maximum size of an error response that is read (bytes). */
const maxErrorBytes = 4_096

/** A complete response. `text` is null if the copy that is kept is still current (304). */
export interface DocumentResponse {
  text: string | null
  headers: Headers
}

/**
 * Fetches a document: conditionally, in bounded time and size, and without following redirects.
 *
 * @throws DocumentError
 */
export async function fetchDocument(request: DocumentRequest, fetch: Fetch): Promise<DocumentResponse> {
  const signal = AbortSignal.timeout(request.timeoutMs)
  try {
    // A `fetch` that ignores its signal must not hold anything up.
    return await abortable(readResponse(request, fetch, signal), signal)
  } catch (cause) {
    if (cause instanceof DocumentError) throw cause
    throw new DocumentError(request, ...describeFailure(cause, request, signal), { cause })
  }
}

async function readResponse(
  request: DocumentRequest,
  fetch: Fetch,
  signal: AbortSignal,
): Promise<DocumentResponse> {
  const { url, accept, etag, maxBytes } = request
  const headers = { accept, ...(etag !== null && { 'if-none-match': etag }) }
  // `redirect: 'error'` would be the same, but Workers do not have it.
  const response = await fetch(url, { headers, redirect: 'manual', signal })
  if (response.status === 200) {
    const bytes = await readBytes(response.body, maxBytes)
    return { text: new TextDecoder().decode(bytes), headers: response.headers }
  }
  const isGone = await isNotFound(response)
  if (response.status === 304 && etag !== null) return { text: null, headers: response.headers }
  throw isGone ? new DocumentError(request, 'not_found', 'does not exist') : refusalOf(request, response)
}

/**
 * Returns whether a response is that of Latchkey for what it does not have, and reads or cancels its body. Proxies answer with 404,
 * too, and so does a replica of Latchkey that lacks the route: without its error code.
 */
async function isNotFound({ status, body }: Response): Promise<boolean> {
  if (status !== 404) {
    await body?.cancel()
    return false
  }
  try {
    const { detail, code } = parseObject(new TextDecoder().decode(await readBytes(body, maxErrorBytes)))
    return typeof detail === 'string' && code === 'not_found'
  } catch {
    return false
  }
}

/** Returns what a response without a document means. */
function refusalOf(request: DocumentRequest, { status, type, headers }: Response): DocumentError {
  if (type === 'opaqueredirect' || (status >= 300 && status < 400 && status !== 304))
    return new DocumentError(request, 'redirect', 'was answered with a redirect')
  const retryAfterMs = readRetryAfter(headers)
  return new DocumentError(request, 'bad_status', `was answered with status ${status}`, { retryAfterMs })
}

/** Returns the time in `Retry-After` (milliseconds; RFC 9110 §10.2.3), or null without one in seconds. */
function readRetryAfter(headers: Headers): number | null {
  const value = headers.get('retry-after') ?? ''
  return /^\d{1,9}$/.test(value) ? Number(value) * 1000 : null
}

function describeFailure(
  cause: unknown,
  { maxBytes, timeoutMs }: DocumentRequest,
  signal: AbortSignal,
): [DocumentErrorCode, string] {
  if (cause instanceof TooManyBytes) return ['too_large', `has more than ${maxBytes} bytes`]
  if (signal.aborted) return ['timeout', `was not answered within ${timeoutMs} ms`]
  return ['unreachable', 'cannot be reached']
}
