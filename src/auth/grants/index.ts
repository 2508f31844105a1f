import { grantClientCredentials } from './client-credentials.js'
import type { GrantType } from './grant.js'
import { grantPassword } from './password.js'
import { grantRefreshToken } from './refresh-token.js'

/** Every grant type, by its `grant_type`. A deployment may allow fewer (ALLOWED_GRANTS). */
export const grants = {
  password: grantPassword,
  refresh_token: grantRefreshToken,
  client_credentials: grantClientCredentials,
} satisfies Record<string, GrantType>
