import { type ClientOptions, readOptions, requireAll } from './client/options.js'
import { abortable } from './runtime/abortable.js'
import { isText } from './runtime/text.js'
import { requestToken } from './server/token-endpoint.js'
import type { TokenResponse } from './server/token-response.js'
import { type TokenChoice, toTarget } from './tokens/token-target.js'

export type { TokenResponse } from './server/token-response.js'

/** Options of a login with a password. */
export interface PasswordLoginOptions extends ClientOptions, TokenChoice {
  username: string
  password: string
  signal?: AbortSignal | undefined
}

/**
 * Logs a user in with the password grant (RFC 6749 §4.3). Give the `refreshToken` to `login` of a session.
 *
 * @deprecated The client sees the password (RFC 9700 §2.4). It is for the clients of a first party that have no other way yet.
 * @throws ClientError, `invalid_grant` if the user or the password is wrong
 * @throws TypeError for an option that is missing, wrong or unknown
 * @throws the reason of the signal
 */
export async function passwordLogin(options: PasswordLoginOptions): Promise<TokenResponse> {
  const config = readOptions('passwordLogin', options, ['username', 'password', 'signal'])
  const { username, password, signal } = options
  requireAll('passwordLogin', [
    ['username', isText(username), 'the name of a user'],
    ['password', isText(password), 'the password of the user'],
  ])
  signal?.throwIfAborted()
  const { scope, resource } = toTarget(options, { scope: '', resource: null })
  const parameters = { grant_type: 'password', username, password, scope: scope || null, resource }
  return abortable(requestToken(parameters, config), signal)
}
