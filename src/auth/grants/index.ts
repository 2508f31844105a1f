import type { RequestSource } from '../../audit/event.js'
import type { Grant } from '../access-token.js'
import type { AuthContext } from '../context.js'
import type { Client } from '../store/clients.js'
import { grantClientCredentials } from './client-credentials.js'
import { grantPassword } from './password.js'
import { grantRefreshToken } from './refresh-token.js'

/** The parameters of a token request (RFC 6749 §3.2), none of them empty or repeated. */
export type TokenParameters = Partial<
  Record<
    'grant_type' | 'username' | 'password' | 'refresh_token' | 'scope' | 'client_id' | 'client_secret',
    string
  >
>

/** What a grant gives: an access token and, where it goes on without the user, a refresh token. */
export interface Granted extends Grant {
  refreshToken?: string
}

/**
 * One way to get a token (RFC 6749 §1.3): checks its own parameters and says what the client gets.
 *
 * @throws ServiceError with the error that RFC 6749 §5.2 names for what is wrong
 */
export type GrantType = (
  parameters: TokenParameters,
  client: Client,
  context: AuthContext,
  origin: RequestSource,
) => Promise<Granted>

/** The grants that there are; a deployment may allow fewer. */
export const grants = {
  password: grantPassword,
  refresh_token: grantRefreshToken,
  client_credentials: grantClientCredentials,
} satisfies Record<string, GrantType>
