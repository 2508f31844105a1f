import { decodeJwt } from 'jose'
import { readStatus } from './status/claim.js'
import { serveDocuments } from './testing/documents.js'
import { createManualClock, type ManualClock } from './testing/manual-clock.js'
import { respondWithFault, type TestFault } from './testing/respond.js'
import { createSigningKeys } from './testing/signing-keys.js'
import { createStatusEntries } from './testing/status-list.js'
import type { Algorithm } from './token/jws.js'
import type { Complete, VerifierOptions } from './verifier/options.js'

export type { ManualClock } from './testing/manual-clock.js'
export type { TestFault } from './testing/respond.js'

/** Options of an issuer in the process of a test. */
export interface TestIssuerOptions {
  /** Default: `https://latchkey.test`. */
  issuer?: string
  /** Audience of the tokens. Default: `https://service.test`. */
  audience?: string
  /** Default: ES256. */
  algorithm?: Algorithm
  /** Time at which the clock stands (milliseconds since 1970). Default: the present. */
  now?: number
}

/** Options of a token. */
export interface TestTokenOptions {
  /** Default: `client:` and the client id. */
  subject?: string
  /** Default: `test`. */
  clientId?: string
  /** Scope-tokens, separated by spaces. Default: none. */
  scope?: string
  audience?: string
  /** Seconds. Default: 900. */
  expiresIn?: number
  /** Whether the token names a status list. Default: true. */
  status?: boolean
  /** Further claims, or others; undefined leaves a claim out. */
  claims?: Record<string, unknown>
  /** Further members of the header, or others. */
  header?: Record<string, unknown>
}

/** An issuer in the process of a test. It needs no port: `settings` lets a verifier reach it. */
export interface TestIssuer {
  /** Options for `tokenVerifier` and the adapters. */
  settings: Complete<Pick<VerifierOptions, 'issuer' | 'audience' | 'fetch' | 'clock'>>
  clock: ManualClock
  /** URLs of the requests that were received. */
  requests: string[]
  /** Answers a request as Latchkey would. */
  fetch(input: string | URL | Request, init?: RequestInit): Promise<Response>
  /** Issues an access token. */
  token(options?: TestTokenOptions): Promise<string>
  /** Signs with a new key. @param options.withdraw whether the former keys leave the JWK Set at once */
  rotate(options?: { withdraw?: boolean }): Promise<void>
  /** Revokes a token with a status. */
  revoke(token: string): void
  /** Lets every request fail, until null ends it. */
  fail(fault: TestFault | null): void
}

/** Lifetime of tokens unless one is given (seconds). */
const defaultExpiresIn = 900

/** Creates an issuer, with a key and a clock that stands still. */
export async function testIssuer(options: TestIssuerOptions = {}): Promise<TestIssuer> {
  const { issuer = 'https://latchkey.test', audience = 'https://service.test', algorithm = 'ES256' } = options
  const clock = createManualClock(options.now ?? Date.now())
  const keys = await createSigningKeys(algorithm)
  const entries = createStatusEntries()
  const statusListUri = `${issuer}/status-lists/test`
  const now = () => Math.floor(clock.now() / 1000)
  const respond = serveDocuments({ issuer, statusListUri, keys, entries, now })
  const requests: string[] = []
  let fault: TestFault | null = null
  let tokens = 0

  async function fetch(input: string | URL | Request, init?: RequestInit): Promise<Response> {
    const request = new Request(input, init)
    requests.push(request.url)
    return fault === null ? respond(request) : respondWithFault(fault)
  }

  async function token(wanted: TestTokenOptions = {}): Promise<string> {
    const { clientId = 'test', expiresIn = defaultExpiresIn, status = true, scope } = wanted
    tokens += 1
    const claims = {
      iss: issuer,
      aud: wanted.audience ?? audience,
      sub: wanted.subject ?? `client:${clientId}`,
      client_id: clientId,
      jti: `token-${tokens}`,
      iat: now(),
      exp: now() + expiresIn,
      scope,
      ...(status && { status: { status_list: { idx: entries.add(), uri: statusListUri } } }),
      ...wanted.claims,
    }
    return keys.sign(claims, { typ: 'at+jwt', ...wanted.header })
  }

  return {
    settings: { issuer, audience, fetch, clock },
    clock,
    requests,
    fetch,
    token,
    rotate: ({ withdraw = false } = {}) => keys.rotate(withdraw),
    revoke(revoked) {
      const status = readStatus(decodeJwt(revoked))
      if (!status) throw new Error('testIssuer: a token without a status cannot be revoked')
      entries.revoke(status.idx)
    },
    fail: (wanted) => {
      fault = wanted
    },
  }
}
