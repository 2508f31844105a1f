import { type ClientOptions, hasMethods, readOptions, requireAll } from '../client/options.js'
import type { ServiceClient } from '../client/service-client.js'
import { type AuthorizedFetch, createAuthorizedFetch } from '../request/authorized-fetch.js'
import { abortable } from '../runtime/abortable.js'
import { createLock, findWebLocks, type WebLocks } from '../runtime/lock.js'
import { isText } from '../runtime/text.js'
import { revokeToken } from '../server/token-endpoint.js'
import { isToken } from '../server/token-response.js'
import { createTokenCache } from '../tokens/token-cache.js'
import { type TokenChoice, toTarget } from '../tokens/token-target.js'
import { createRefresh } from './refresh.js'
import { guardStore, memoryStore, type RefreshTokenStore } from './refresh-token-store.js'

/** Options of a session: a `store`, or a `refreshToken` with `onRotate`. */
export interface UserSessionOptions extends ClientOptions, TokenChoice {
  /** Keeps the refresh token. */
  store?: RefreshTokenStore | undefined
  /** Refresh token of the user, without a store. */
  refreshToken?: string | undefined
  /** Keeps each new refresh token, without a store; null after the end of the session. It is awaited before the token is used. */
  onRotate?: ((refreshToken: string | null) => unknown) | undefined
  /** Name of the session among the tabs of a page. Default: the issuer and the client. */
  lockName?: string | undefined
  /** Replaces `navigator.locks`. Default: those of the browser; null for none. */
  locks?: WebLocks | null | undefined
}

/** Gets tokens for a user who has logged in. */
export interface UserSession extends ServiceClient {
  fetch: AuthorizedFetch
  /**
   * Stores the refresh token of a login, and forgets the tokens of the one before.
   *
   * @throws ClientError `store_failed`
   * @throws TypeError for what is no refresh token
   */
  login(refreshToken: string): Promise<void>
  /**
   * Forgets all tokens, and then revokes the refresh token at the server (RFC 7009).
   *
   * @throws ClientError if the server could not be told; the access tokens are forgotten all the same, and the
   * refresh token too unless the code is `store_failed`
   * @throws the reason of the signal
   */
  logout(options?: { signal?: AbortSignal | undefined }): Promise<void>
}

/**
 * Creates the session of a user, whose access tokens come from a refresh token. It requests nothing before the first use.
 *
 * @throws TypeError for an option that is missing, wrong or unknown
 */
export function userSession(options: UserSessionOptions): UserSession {
  const ownNames = ['store', 'refreshToken', 'onRotate', 'lockName', 'locks']
  const config = readOptions('userSession', options, ownNames)
  const { clock, timeoutMs, issuer, clientId } = config
  const { store: given, refreshToken, onRotate } = options
  const { lockName = `latchkey ${issuer} ${clientId}`, locks = findWebLocks() } = options
  requireAll('userSession', [
    ['store', given === undefined || hasMethods(given, ['load', 'save']), 'an object with load and save'],
    ['refreshToken', refreshToken === undefined || isToken(refreshToken), 'a refresh token'],
    ['refreshToken', !given || !(refreshToken ?? onRotate), 'left out, as onRotate, with a store'],
    ['onRotate', onRotate === undefined || typeof onRotate === 'function', 'a function'],
    ['lockName', isText(lockName), 'a name'],
    ['locks', locks === null || hasMethods(locks, ['request']), 'the locks of a browser, or null'],
  ])
  const store = guardStore(given ?? memoryStore(refreshToken ?? null, onRotate), {
    lock: createLock(`${lockName} store`, locks, clock),
    clock,
    timeoutMs,
  })
  const refresh = createRefresh({ ...config, store, lock: createLock(`${lockName} refresh`, locks, clock) })
  const defaults = toTarget(options, { scope: '', resource: null })
  const tokens = createTokenCache(refresh, config)

  return {
    fetch: createAuthorizedFetch({ ...config, tokens, defaults }),
    async getToken({ signal, ...choice } = {}) {
      return tokens.get(toTarget(choice, defaults), signal)
    },
    invalidate: (token) => void tokens.refuse(token),
    async login(refreshToken) {
      if (!isToken(refreshToken)) throw new TypeError('login: refreshToken must be a refresh token')
      await store.put(refreshToken)
      tokens.clear()
    },
    async logout({ signal } = {}) {
      signal?.throwIfAborted()
      const refreshToken = await store.take().finally(tokens.clear)
      if (refreshToken !== null) await abortable(revokeToken(refreshToken, config), signal)
    },
  }
}
