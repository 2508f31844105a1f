import type { CryptoKey } from 'jose'
import { DocumentError } from '../errors/document-error.js'
import { VerificationError } from '../errors/verification-error.js'
import type { Fetch } from '../remote/fetch-document.js'
import { lifetimeFrom } from '../remote/lifetime.js'
import { loadDocument } from '../remote/load-document.js'
import { createRemoteDocument } from '../remote/remote-document.js'
import { type Clock, elapsedSince, type Moment, moment } from '../runtime/clock.js'
import type { Emit } from '../runtime/events.js'
import type { Algorithm, FindKey } from '../token/jws.js'
import { type KeySet, keyName, parseJwks } from './jwks.js'
import { metadataSource } from './metadata.js'

/** Settings of the keys of an issuer. */
export interface KeysOptions {
  issuer: string
  /** URL of the JWK Set; null if the metadata names it. */
  jwksUri: string | null
  algorithms: readonly Algorithm[]
  /** Age at which a key that was not seen again is no longer used (milliseconds). */
  maxKeyAgeMs: number
  timeoutMs: number
  fetch: Fetch
  clock: Clock
  emit: Emit
}

/** Maximum size of a JWK Set (bytes). */
const maxBytes = 131_072
/** Time after a key was looked for in vain in which an unknown `kid` causes no fetch (milliseconds). */
const missCooldownMs = 5_000
/** Time without a fetch after a failure (milliseconds). */
const cooldown = { minMs: 1_000, maxMs: 5_000 }

/**
 * Returns a function that finds the key of a token, in a JWK Set that is kept as long as its `Cache-Control` says. A key that the
 * set lacks is looked for in a new copy.
 */
export function createKeys(options: KeysOptions): FindKey {
  const { issuer, jwksUri, algorithms, maxKeyAgeMs: maxAgeMs, timeoutMs, fetch, clock, emit } = options
  const source = metadataSource({ issuer, maxAgeMs, timeoutMs })
  const metadata = createRemoteDocument<string>({
    document: 'metadata',
    url: source.url,
    load: (copy) => loadDocument(source, copy, fetch),
    timeoutMs,
    clock,
    emit,
    cooldown,
  })
  const jwks = createRemoteDocument<KeySet>({
    document: 'jwks',
    url: jwksUri ?? source.url,
    load: async (copy) => loadDocument(jwksSource(jwksUri ?? (await metadata.get())), copy, fetch),
    // That of the metadata, and its own.
    timeoutMs: 2 * timeoutMs,
    clock,
    emit,
    cooldown,
  })

  function jwksSource(url: string) {
    return {
      document: 'jwks' as const,
      url,
      accept: 'application/jwk-set+json, application/json',
      maxBytes,
      timeoutMs,
      parse: (text: string) => parseJwks(text, algorithms),
      lifetimeOf: (_keys: KeySet, headers: Headers) => lifetimeFrom(headers, maxAgeMs),
    }
  }

  let missedAt: Moment | null = null

  /** Looks for a key in a new copy, as a key can begin to sign at any time. */
  async function findNewKey(name: string, signal: AbortSignal | undefined): Promise<CryptoKey | undefined> {
    if (missedAt && elapsedSince(missedAt, clock) < missCooldownMs) return undefined
    const key = (await jwks.renew(signal)).get(name)
    if (!key) missedAt = moment(clock)
    return key
  }

  return async function findKey({ alg, kid }, signal): Promise<CryptoKey> {
    const name = keyName(alg, kid)
    try {
      const key = (await jwks.get(signal)).get(name) ?? (await findNewKey(name, signal))
      if (key) return key
    } catch (cause) {
      if (!(cause instanceof DocumentError)) throw cause
      throw new VerificationError('keys_unavailable', { cause })
    }
    throw new VerificationError('unknown_key')
  }
}
