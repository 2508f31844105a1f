import type { TokenTarget } from '../runtime/events.js'
import type { TokenResponse } from '../server/token-response.js'
import { backoffAfter } from './cooldown.js'
import { createRenewable, type Renewable, type RenewalConfig } from './renewable.js'

/** Access tokens, one for each scope and resource. */
export interface TokenCache {
  /** Returns a token. @throws ClientError @throws the reason of the signal */
  get(target: TokenTarget, signal?: AbortSignal): Promise<string>
  /**
   * Discards a token that a service refused. Returns whether the next one will differ. A token is kept while it is younger than a
   * backoff that doubles with every token that is discarded soon, so that a service that refuses every token causes no storm of
   * requests, even if others accept them.
   */
  refuse(token: string): boolean
  /** Forgets all tokens, and those that are being requested. */
  clear(): void
}

interface Entry {
  target: TokenTarget
  token: Renewable<string>
  /** Number of tokens that were discarded, since the last one that was used for `calmMs`. */
  discarded: number
}

/** Maximum number of tokens that are kept. */
const maxTokens = 1_000
/** Bounds of the time between requests for a token: after failures, and for one that services refuse (milliseconds). */
const backoff = { minMs: 200, maxMs: 5_000 }
/** Age of a token whose refusal is not the fault of a service that refuses every token (milliseconds). */
const calmMs = 10_000

/** Creates a cache of the tokens that `obtain` requests. */
export function createTokenCache(
  obtain: (target: TokenTarget) => Promise<TokenResponse>,
  config: RenewalConfig,
): TokenCache {
  const { emit } = config
  /** Entries by scope and resource, the one used last at the end. */
  const entries = new Map<string, Entry>()

  function getOrCreate(target: TokenTarget): Entry {
    const key = JSON.stringify([target.scope, target.resource])
    const entry = entries.get(key) ?? { target, token: createToken(target), discarded: 0 }
    entries.delete(key)
    entries.set(key, entry)
    for (const [oldest] of entries) if (entries.size > maxTokens) entries.delete(oldest)
    return entry
  }

  function createToken(target: TokenTarget): Renewable<string> {
    return createRenewable(
      {
        async load() {
          const { accessToken, expiresIn } = await obtain(target)
          return { value: accessToken, lifetimeMs: expiresIn * 1000 }
        },
        backoff,
        onLoad: (durationMs, { lifetimeMs }) =>
          emit({ type: 'token_obtained', ...target, expiresInMs: lifetimeMs, durationMs }),
        onFailure: (error, durationMs, retryInMs) =>
          emit({ type: 'token_failed', ...target, error, durationMs, retryInMs }),
      },
      config,
    )
  }

  function findEntry(token: string): Entry | undefined {
    return [...entries.values()].find((entry) => entry.token.peek()?.value === token)
  }

  return {
    get: (target, signal) => getOrCreate(target).token.get(signal),
    refuse(token) {
      const entry = findEntry(token)
      if (!entry) return true
      const ageMs = Number(entry.token.peek()?.ageMs)
      if (ageMs >= calmMs) entry.discarded = 0
      if (entry.discarded > 0 && ageMs < backoffAfter(entry.discarded, backoff)) return false
      entry.discarded += 1
      entry.token.discard()
      emit({ type: 'token_discarded', ...entry.target })
      return true
    },
    clear: () => entries.clear(),
  }
}
