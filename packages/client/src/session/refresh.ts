import { ClientError } from '../errors/client-error.js'
import type { TokenTarget } from '../runtime/events.js'
import type { Lock } from '../runtime/lock.js'
import { requestToken, revokeToken, type ServerConfig } from '../server/token-endpoint.js'
import type { TokenResponse } from '../server/token-response.js'
import type { GuardedStore } from './refresh-token-store.js'

/** What a refresh needs. */
export interface RefreshConfig extends ServerConfig {
  store: GuardedStore
  /** Lock that is held during a refresh. */
  lock: Lock
}

/**
 * Returns an access token for the stored refresh token. @throws ClientError `login_required`, `store_failed`, and those of the
 * token endpoint
 */
export type Refresh = (target: TokenTarget) => Promise<TokenResponse>

/** Maximum number of refresh tokens that one refresh tries, as others may store new ones. */
const maxAttempts = 3

/**
 * Creates what refreshes tokens (RFC 6749 §6). A refresh
 *
 * 1. waits until no other refresh of this session runs, in any tab,
 * 2. loads the refresh token, which another tab or process may have replaced,
 * 3. presents it; of two processes that present it at once, both get its successor within the server's grace period,
 * 4. stores the successor, unless the stored token is another one now: a login was quicker, and its token counts; or none: after a
 *    logout the successor is revoked,
 * 5. returns the access token.
 */
export function createRefresh(config: RefreshConfig): Refresh {
  const { store, emit } = config
  /** Successor that could not be stored. It is presented next, as its predecessor would be a reuse after the grace period. */
  let unstored: { previous: string; next: string } | null = null

  /** Returns null if another refresh token was stored meanwhile. */
  async function tryRefresh({ scope, resource }: TokenTarget): Promise<TokenResponse | null> {
    const previous = await store.load()
    if (previous === null) throw new ClientError('login_required', 'There is no refresh token')
    const presented = unstored?.previous === previous ? unstored.next : previous
    const parameters = {
      grant_type: 'refresh_token',
      refresh_token: presented,
      scope: scope || null,
      resource,
    }
    try {
      const response = await requestToken(parameters, config)
      return (await keep(previous, response.refreshToken ?? presented)) ? response : null
    } catch (cause) {
      if (!(cause instanceof ClientError) || cause.code !== 'invalid_grant') throw cause
      if (!(await store.replace(previous, null))) return null
      const error = new ClientError('login_required', 'The refresh token is refused', { cause })
      emit({ type: 'session_ended', error })
      throw error
    }
  }

  /** Stores what follows a refresh token. Returns false if another one was stored meanwhile. @throws ClientError `login_required` */
  async function keep(previous: string, next: string): Promise<boolean> {
    unstored = { previous, next }
    const isStored = await store.replace(previous, next)
    unstored = null
    if (isStored && next !== previous) emit({ type: 'refresh_token_rotated' })
    if (!isStored && (await store.load()) === null) await endAfterLogout(next)
    return isStored
  }

  /** Revokes a refresh token that was issued during a logout. */
  async function endAfterLogout(token: string): Promise<never> {
    const cause = await revokeToken(token, config).catch((error: unknown) => error)
    throw new ClientError('login_required', 'The user has logged out meanwhile', { cause })
  }

  return (target) =>
    config.lock(async () => {
      for (let attempt = 0; attempt < maxAttempts; attempt += 1) {
        const response = await tryRefresh(target)
        if (response) return response
      }
      throw new ClientError('store_failed', 'The stored refresh token is replaced again and again')
    })
}
