/**
 * Stable code of an error:
 *
 * - `unreachable`: no response, or the connection broke
 * - `timeout`: no complete response in time
 * - `redirect`: the server answered with a redirect, which is not followed
 * - `bad_status`: a status that no valid response has, such as 503
 * - `too_large`: a response with more bytes than allowed
 * - `invalid_metadata`: not the metadata of the issuer, as the cause says
 * - `invalid_response`: not a response of a token endpoint, as the cause says
 * - `invalid_client`: the credentials of the client are refused
 * - `invalid_grant`: the refresh token or the password is refused
 * - `invalid_scope`, `invalid_target`, `unauthorized_client`: the client must not have such a token
 * - `request_refused`: another error of the token endpoint, in `error`
 * - `credentials_unavailable`: the secret, the key or the assertion could not be read
 * - `login_required`: there is no refresh token, or it is refused
 * - `store_failed`: the refresh token could not be loaded or stored
 * - `insecure_url`: the token would be sent without encryption, or to an origin that is not allowed
 * - `unexpected_redirect`: a service redirects to where the token must not be sent
 * - `internal`: a fault of this package
 */
export type ClientErrorCode =
  | 'unreachable'
  | 'timeout'
  | 'redirect'
  | 'bad_status'
  | 'too_large'
  | 'invalid_metadata'
  | 'invalid_response'
  | 'invalid_client'
  | 'invalid_grant'
  | 'invalid_scope'
  | 'invalid_target'
  | 'unauthorized_client'
  | 'request_refused'
  | 'credentials_unavailable'
  | 'login_required'
  | 'store_failed'
  | 'insecure_url'
  | 'unexpected_redirect'
  | 'internal'

/** Details of an error. */
export interface ClientErrorOptions {
  cause?: unknown
  /** HTTP status of the response. */
  status?: number
  /** Error code in the response (RFC 6749 §5.2). */
  error?: string
  /** Time after which the server asks to be asked again (milliseconds). */
  retryAfterMs?: number | null
  /** Whether the same request can succeed soon. */
  retryable?: boolean
}

/** A token could not be had, or must not be sent. No part of it contains a token or a secret. */
export class ClientError extends Error {
  override readonly name = 'ClientError'
  readonly code: ClientErrorCode
  /** HTTP status of the response; null without one. */
  readonly status: number | null
  /** Error code in the response (RFC 6749 §5.2); null without one. */
  readonly error: string | null
  /** Time after which the server asks to be asked again (milliseconds); null if it does not say. */
  readonly retryAfterMs: number | null
  /** Whether the same request can succeed soon: the server cannot be reached, or is busy. */
  readonly retryable: boolean

  constructor(code: ClientErrorCode, message: string, options: ClientErrorOptions = {}) {
    super(message, { cause: options.cause })
    this.code = code
    this.status = options.status ?? null
    this.error = options.error ?? null
    this.retryAfterMs = options.retryAfterMs ?? null
    this.retryable = options.retryable ?? false
  }
}

/** Returns an error as it is, or what is not one of this package as the cause of an `internal` one. */
export function toClientError(error: unknown): ClientError {
  return error instanceof ClientError
    ? error
    : new ClientError('internal', 'Unexpected error', { cause: error })
}
