import { ClientError } from '../errors/client-error.js'
import { abortable } from '../runtime/abortable.js'
import type { Clock } from '../runtime/clock.js'
import type { Lock } from '../runtime/lock.js'
import { isToken } from '../server/token-response.js'

/** Keeps the refresh token of a user, for example in a database or in the storage of a browser. */
export interface RefreshTokenStore {
  /** Returns the stored refresh token; null, undefined or '' without one. */
  load(): unknown
  /**
   * Stores a refresh token, or removes it if `next` is null. `previous` is the token that it follows, or undefined if it replaces
   * any. A store that several processes share compares and stores in one step, and returns false if `previous` is no longer the
   * stored one.
   */
  save(next: string | null, previous?: string): unknown
}

/** Returns a store in memory, which hands each refresh token to a callback before it counts. */
export function memoryStore(
  refreshToken: string | null,
  onRotate: ((refreshToken: string | null) => unknown) | undefined,
): RefreshTokenStore {
  let stored = refreshToken
  return {
    load: () => stored,
    async save(next) {
      await onRotate?.(next)
      stored = next
    },
  }
}

/** A store whose changes do not cross each other. All methods throw ClientError `store_failed`. */
export interface GuardedStore {
  load(): Promise<string | null>
  /** Stores what follows a token, unless another one was stored meanwhile. Returns whether `next` is the stored one. */
  replace(previous: string, next: string | null): Promise<boolean>
  /** Stores a token whatever is stored. */
  put(token: string): Promise<void>
  /** Removes the token, and returns it. It is removed even if it cannot be loaded. */
  take(): Promise<string | null>
}

/** What a guarded store needs. */
export interface GuardConfig {
  /** Lock that is held for the time of a change, never for that of a request to the server. */
  lock: Lock
  clock: Clock
  /** Time for each call of the store (milliseconds). */
  timeoutMs: number
}

/** Guards a store, so that a late refresh does not overwrite a login. */
export function guardStore(store: RefreshTokenStore, { lock, clock, timeoutMs }: GuardConfig): GuardedStore {
  async function call<T>(action: () => T | Promise<T>): Promise<T> {
    try {
      return await abortable(Promise.resolve(action()), clock.timeout(timeoutMs))
    } catch (cause) {
      throw new ClientError('store_failed', 'The refresh token cannot be loaded or stored', { cause })
    }
  }

  /** Returns the stored token. Anything else that is stored is a fault of the store, and no logout. */
  function load(): Promise<string | null> {
    return call(async () => {
      const stored = (await store.load()) ?? ''
      if (stored === '') return null
      if (!isToken(stored)) throw new TypeError('load() does not return a refresh token')
      return stored
    })
  }

  return {
    load,
    replace: (previous, next) =>
      lock(async () => {
        const stored = await load()
        if (stored === next) return true
        if (stored !== previous) return false
        return (await call(() => store.save(next, previous))) !== false
      }),
    put: (token) => lock(async () => void (await call(() => store.save(token)))),
    take: () =>
      lock(async () => {
        try {
          return await load()
        } finally {
          await call(() => store.save(null))
        }
      }),
  }
}
