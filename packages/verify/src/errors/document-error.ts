/** A document of the issuer: its metadata (RFC 8414), its JWK Set (RFC 7517) or a token status list. */
export type DocumentName = 'metadata' | 'jwks' | 'status_list'

/**
 * Reason why there is no document:
 *
 * - `unreachable`: no response, or the connection broke
 * - `timeout`: no complete response in time
 * - `redirect`: a redirect, which is not followed
 * - `not_found`: 404 with the error code of Latchkey, which knows no such document
 * - `bad_status`: another status but 200, such as the 404 of a proxy
 * - `too_large`: more bytes than allowed
 * - `invalid`: not the document that was asked for, as the cause says
 * - `unexpected`: a fault of this package or its platform, as the cause says
 */
export type DocumentErrorCode =
  | 'unreachable'
  | 'timeout'
  | 'redirect'
  | 'not_found'
  | 'bad_status'
  | 'too_large'
  | 'invalid'
  | 'unexpected'

/** A document of the issuer could not be fetched, or is not valid. It is the cause of errors with status 503. */
export class DocumentError extends Error {
  override readonly name = 'DocumentError'
  readonly code: DocumentErrorCode
  readonly document: DocumentName
  readonly url: string
  /** Time in `Retry-After` (milliseconds); null without one. */
  readonly retryAfterMs: number | null

  constructor(
    { document, url }: { document: DocumentName; url: string },
    code: DocumentErrorCode,
    detail: string,
    options: { cause?: unknown; retryAfterMs?: number | null } = {},
  ) {
    super(`The ${titles[document]} at ${url} ${detail}`, options)
    this.code = code
    this.document = document
    this.url = url
    this.retryAfterMs = options.retryAfterMs ?? null
  }
}

const titles: Record<DocumentName, string> = {
  metadata: 'metadata',
  jwks: 'JWK Set',
  status_list: 'status list',
}
