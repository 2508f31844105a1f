import { VerificationError } from '../errors/verification-error.js'
import { createKeys } from '../issuer/keys.js'
import { createEmit } from '../runtime/events.js'
import { readStatus } from '../status/claim.js'
import { createStatusLists } from '../status/status-lists.js'
import { readBearerToken } from '../token/bearer.js'
import { type AccessTokenClaims, checkClaims } from '../token/claims.js'
import { verifyJwt } from '../token/jws.js'
import { readRequiredScope, requireScope, type Scope, splitScope } from '../token/scope.js'
import { readOptions, type VerifierOptions } from './options.js'

/** Sender of a request. */
export interface Caller {
  /** Subject of the token: a user, or `client:` and the id of a client that acts for itself. */
  subject: string
  /** Id of the client that the token was issued to. */
  clientId: string
  /** Scope-tokens of the token. */
  scope: readonly string[]
  /** All claims of the token. */
  claims: AccessTokenClaims
}

/** Requirements of a request besides a valid token. */
export interface Requirements {
  /** Scope-tokens that the token must have, all of them. */
  scope?: Scope
  /** Ends the wait for a document of the issuer. */
  signal?: AbortSignal | undefined
}

/** Verifies access tokens. */
export interface TokenVerifier {
  /**
   * Verifies the token in the `Authorization` header of a request.
   *
   * @throws VerificationError if the request must be refused
   * @throws TypeError for a `scope` that is undefined, empty or malformed
   * @throws the reason of the signal
   */
  (authorization: string | null | undefined, requirements?: Requirements): Promise<Caller>
  /**
   * Time after the revocation of a token within which it is refused (milliseconds), while the issuer can be reached; with
   * `whenStale: 'refuse'` always. It is null if `checkStatus` is false.
   */
  readonly maxRevocationDelayMs: number | null
}

/** Maximum length of an access token (characters). The largest that Latchkey issues has about 8,000. */
const maxTokenLength = 16_384
/** Time after which a revocation shows in the list at the issuer (milliseconds). */
const originDelayMs = 1_000
/** Time for which a cache on the way may keep a list (milliseconds): its `Cache-Control`. */
const cacheDelayMs = 1_000

/**
 * Creates a verifier of the access tokens of one issuer for one service. It fetches nothing before the first token.
 *
 * @throws TypeError for an option that is missing, wrong or unknown
 */
export function tokenVerifier(options: VerifierOptions): TokenVerifier {
  const config = readOptions(options)
  const { issuer, audiences, algorithms, clock, clockToleranceMs, checkStatus, requireStatus, statusPollMs } =
    config
  const emit = createEmit(config.onEvent)
  const findKey = createKeys({ ...config, emit })
  const profile = { type: 'at+jwt', algorithms, maxLength: maxTokenLength, findKey }
  // Latchkey begins the URIs of its lists with the issuer, which may be spelled in other ways, too.
  const origins = [issuer.split('/', 3).join('/'), ...config.statusOrigins]
  const lists = createStatusLists({ ...config, origins, findKey, emit })

  async function verify(
    authorization: string | null | undefined,
    requirements: Requirements = {},
  ): Promise<Caller> {
    const scope = 'scope' in requirements ? readRequiredScope(requirements.scope) : []
    const startedAt = clock.monotonic()
    try {
      const caller = await authenticate(readBearerToken(authorization, scope), scope, requirements.signal)
      emit({ type: 'token_accepted', clientId: caller.clientId, durationMs: clock.monotonic() - startedAt })
      return caller
    } catch (error) {
      if (error instanceof VerificationError)
        emit({ type: 'token_refused', error, durationMs: clock.monotonic() - startedAt })
      throw error
    }
  }

  async function authenticate(
    token: string,
    required: readonly string[],
    signal?: AbortSignal,
  ): Promise<Caller> {
    const payload = await verifyJwt(token, profile, signal)
    const claims = checkClaims(payload, { issuer, audiences, clockToleranceMs, now: clock.now() })
    if (checkStatus) await requireValidStatus(claims, signal)
    const scope = splitScope(claims.scope)
    requireScope(scope, required)
    return { subject: claims.sub, clientId: claims.client_id, scope, claims }
  }

  async function requireValidStatus(
    claims: AccessTokenClaims,
    signal: AbortSignal | undefined,
  ): Promise<void> {
    const reference = readStatus(claims)
    if (reference) await lists.check(reference, signal)
    else if (requireStatus) throw new VerificationError('missing_status')
  }

  const maxRevocationDelayMs = checkStatus ? originDelayMs + cacheDelayMs + statusPollMs : null
  return Object.assign(verify, { maxRevocationDelayMs })
}
