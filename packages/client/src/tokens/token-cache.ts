import type { TokenTarget } from '../runtime/events.js'
import type { TokenResponse } from '../server/token-response.js'
import { backoffAfter, createRenewable, type Renewable, type RenewalConfig } from './renewable.js'

/** Access tokens, one for each scope and resource. */
export interface TokenCache {
  /** Returns a token. @throws ClientError @throws the reason of the signal */
  get(target: TokenTarget, signal?: AbortSignal): Promise<string>
  /** Records that a service accepted a token. */
  accept(token: string, origin: string): void
  /**
   * Discards a token that a service refused. Returns whether the next one will differ. A token is kept if it is as young as those
   * before it were when they were refused, so that a service that refuses every token causes no storm of requests, even if
   * others accept them.
   */
  refuse(token: string, origin?: string): boolean
  /** Forgets all tokens, and those that are being requested. */
  clear(): void
}

interface Entry {
  target: TokenTarget
  token: Renewable<string>
  /** Number of tokens that were discarded since every service that had refused one accepted another. */
  discarded: number
  /** Origins of the services that have refused the last token that they got. */
  refusedBy: Set<string>
}

/** Maximum number of origins that are remembered for each token. */
const maxOrigins = 100

/** Maximum number of tokens that are kept. */
const maxTokens = 1_000
/** Bounds of the time between requests for a token: after failures, and for one that services refuse (milliseconds). */
const backoff = { minMs: 200, maxMs: 5_000 }

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
    const entry = entries.get(key) ?? {
      target,
      token: createToken(target),
      discarded: 0,
      refusedBy: new Set(),
    }
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

  function isTooYoung({ token, discarded }: Entry): boolean {
    return discarded > 0 && Number(token.peek()?.ageMs) < backoffAfter(discarded, backoff)
  }

  return {
    get: (target, signal) => getOrCreate(target).token.get(signal),
    accept(token, origin) {
      const entry = findEntry(token)
      entry?.refusedBy.delete(origin)
      if (entry?.refusedBy.size === 0) entry.discarded = 0
    },
    refuse(token, origin) {
      const entry = findEntry(token)
      if (!entry) return true
      if (origin !== undefined && entry.refusedBy.size < maxOrigins) entry.refusedBy.add(origin)
      if (isTooYoung(entry)) return false
      entry.discarded += 1
      entry.token.discard()
      emit({ type: 'token_discarded', ...entry.target })
      return true
    },
    clear: () => entries.clear(),
  }
}
