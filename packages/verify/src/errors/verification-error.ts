import { type BearerError, toChallenge } from './challenge.js'

interface Definition {
  status: 401 | 403 | 503
  error: BearerError | null
  message: string
}

const invalid = (message: string): Definition => ({ status: 401, error: 'invalid_token', message })
const unavailable = (message: string): Definition => ({ status: 503, error: null, message })

/** Every refusal, by its stable code. */
const definitions = {
  missing_token: { status: 401, error: null, message: 'The request has no access token' },
  malformed_token: invalid('The access token is malformed'),
  wrong_type: invalid('The token is not an access token'),
  wrong_algorithm: invalid('The access token is signed with an algorithm that is not allowed'),
  unknown_key: invalid('The access token is signed with an unknown key'),
  bad_signature: invalid('The signature of the access token is not valid'),
  malformed_claims: invalid('The access token lacks a claim, or has one of another type'),
  wrong_issuer: invalid('The access token was issued elsewhere'),
  wrong_audience: invalid('The access token is for another service'),
  token_expired: invalid('The access token has expired'),
  token_not_yet_valid: invalid('The access token is not valid yet'),
  missing_status: invalid('The access token names no status list'),
  bad_status: invalid('The access token names an entry that no status list of its issuer has'),
  token_revoked: invalid('The access token was revoked'),
  insufficient_scope: {
    status: 403,
    error: 'insufficient_scope',
    message: 'The access token lacks a scope that the request needs',
  },
  keys_unavailable: unavailable('The keys of the issuer are not available at the moment'),
  status_unavailable: unavailable('The status list of the access token is not available at the moment'),
} satisfies Record<string, Definition>

/** Stable code of a refusal. */
export type VerificationErrorCode = keyof typeof definitions

/** Time after which a request that was answered with 503 can be sent again (seconds): the shortest cooldown of a document. */
const retryAfter = '1'

/**
 * A request was refused. Fastify and Express respond with `status` and `headers`; Hono calls `getResponse`. `cause` has
 * details for the log. No part of it contains the token.
 */
export class VerificationError extends Error {
  override readonly name = 'VerificationError'
  readonly code: VerificationErrorCode
  /** 401: another token is needed. 403: the token lacks a scope. 503: the token cannot be checked at the moment. */
  readonly status: 401 | 403 | 503
  /** Error code of RFC 6750 §3.1; null without a token, and if the status is 503. */
  readonly error: BearerError | null
  /** Whether the same request can succeed later. */
  readonly retryable: boolean
  /** Value of `WWW-Authenticate`; null if the status is 503. */
  readonly challenge: string | null
  /** Headers of the response: `www-authenticate`, or `retry-after` if the status is 503. */
  readonly headers: Readonly<Record<string, string>>

  /** @param options.scope scope-tokens that the request needs, for the challenge */
  constructor(code: VerificationErrorCode, options: { cause?: unknown; scope?: readonly string[] } = {}) {
    const { status, error, message }: Definition = definitions[code]
    super(message, options)
    this.code = code
    this.status = status
    this.error = error
    this.retryable = status === 503
    this.challenge = this.retryable
      ? null
      : toChallenge({ error, description: message, scope: options.scope ?? [] })
    this.headers = this.challenge ? { 'www-authenticate': this.challenge } : { 'retry-after': retryAfter }
  }

  /** Returns the response: its status and headers, and the error in JSON. */
  getResponse(): Response {
    const body = { error: this.error ?? this.code, error_description: this.message }
    return Response.json(body, { status: this.status, headers: this.headers })
  }
}
