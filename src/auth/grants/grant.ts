import type { RequestSource } from '../../audit/event.js'
import type { Grant } from '../access-token.js'
import type { AuthContext } from '../context.js'
import type { TargetParameters } from '../resources/target.js'
import type { Client } from '../store/clients.js'

/** Parameters of a token request (RFC 6749 §3.2), without empty or repeated ones. */
export type TokenParameters = TargetParameters &
  Partial<
    Record<
      | 'grant_type'
      | 'username'
      | 'password'
      | 'refresh_token'
      | 'client_id'
      | 'client_secret'
      | 'client_assertion'
      | 'client_assertion_type',
      string
    >
  >

/** Result of a grant: what the access token is issued for and, if the client may refresh it, a refresh token. */
export interface Granted extends Grant {
  refreshToken?: string
}

/**
 * Implements a grant type (RFC 6749 §1.3): checks its own parameters and returns what the client is granted.
 *
 * @throws ServiceError with an error of RFC 6749 §5.2
 */
export type GrantType = (
  parameters: TokenParameters,
  client: Client,
  context: AuthContext,
  source: RequestSource,
) => Promise<Granted>
