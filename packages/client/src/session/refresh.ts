import { ClientError } from '../errors/client-error.js'
import type { TokenTarget } from '../runtime/events.js'
import type { Lock } from '../runtime/lock.js'
import { requestToken, type ServerConfig } from '../server/token-endpoint.js'
import type { TokenResponse } from '../server/token-response.js'
import type { GuardedStore } from './refresh-token-store.js'

/** What a refresh needs. */
export interface RefreshConfig extends ServerConfig {
  store: GuardedStore
  /** Lock that is held during a refresh. */
  lock: Lock
}

/** Maximum number of refresh tokens that one refresh tries, as others may store new ones. */
const maxAttempts = 3

/**
 * Returns an access token for the stored refresh token (RFC 6749 §6):
 *
 * 1. Waits until no other refresh of this session runs, in any tab.
 * 2. Loads the refresh token, which another tab or process may have replaced.
 * 3. Presents it. Of two processes that present it at once, both get its successor within the server's grace period.
 * 4. Stores the successor. If the stored token is another one now, a login was quicker: its token counts, and this result is dropped.
 * 5. Returns the access token.
 *
 * @throws ClientError `login_required`, `store_failed`, and those of the token endpoint
 */
export function refresh(target: TokenTarget, config: RefreshConfig): Promise<TokenResponse> {
  return config.lock(async () => {
    for (let attempt = 0; attempt < maxAttempts; attempt += 1) {
      const response = await tryRefresh(target, config)
      if (response) return response
    }
    throw new ClientError('store_failed', 'The stored refresh token is replaced again and again')
  })
}

/** Returns null if another refresh token was stored meanwhile. */
async function tryRefresh(
  { scope, resource }: TokenTarget,
  config: RefreshConfig,
): Promise<TokenResponse | null> {
  const { store, emit } = config
  const presented = await store.load()
  if (presented === null) throw new ClientError('login_required', 'There is no refresh token')
  const parameters = { grant_type: 'refresh_token', refresh_token: presented, scope: scope || null, resource }
  try {
    const response = await requestToken(parameters, config)
    const next = response.refreshToken ?? presented
    if (!(await store.replace(presented, next))) return null
    if (next !== presented) emit({ type: 'refresh_token_rotated' })
    return response
  } catch (cause) {
    if (!(cause instanceof ClientError) || cause.code !== 'invalid_grant') throw cause
    if (!(await store.replace(presented, null))) return null
    const error = new ClientError('login_required', 'The refresh token is refused', { cause })
    emit({ type: 'session_ended', error })
    throw error
  }
}
