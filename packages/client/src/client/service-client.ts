import { type AuthorizedFetch, createAuthorizedFetch } from '../request/authorized-fetch.js'
import { requestToken } from '../server/token-endpoint.js'
import { createTokenCache } from '../tokens/token-cache.js'
import { type TokenChoice, toTarget } from '../tokens/token-target.js'
import { type ClientOptions, readOptions } from './options.js'

/** Options of a service. It needs a `clientSecret`, a `privateKey` or a `clientAssertion`. */
export interface ServiceClientOptions extends ClientOptions, TokenChoice {}

/** Choice of a token, and what ends the wait for it. */
export interface TokenOptions extends TokenChoice {
  signal?: AbortSignal | undefined
}

/** Gets tokens for a service that acts for itself. */
export interface ServiceClient {
  /** Sends a request with a token, as `fetch` does. */
  fetch: AuthorizedFetch
  /** Returns a token, to send it in another way. @throws ClientError @throws the reason of the signal */
  getToken(options?: TokenOptions): Promise<string>
  /** Discards a token that a service refused, so that the next call gets another one. */
  invalidate(token: string): void
}

/**
 * Creates a client with the grant `client_credentials` (RFC 6749 §4.4). It requests nothing before the first use.
 *
 * @throws TypeError for an option that is missing, wrong or unknown
 */
export function serviceClient(options: ServiceClientOptions): ServiceClient {
  const config = readOptions('serviceClient', options)
  if ((options.clientSecret ?? options.privateKey ?? options.clientAssertion) === undefined)
    throw new TypeError('serviceClient: clientSecret, privateKey or clientAssertion must be given')
  const defaults = toTarget(options, { scope: '', resource: null })
  const tokens = createTokenCache(
    ({ scope, resource }) =>
      requestToken({ grant_type: 'client_credentials', scope: scope || null, resource }, config),
    config,
  )
  return {
    fetch: createAuthorizedFetch({ ...config, tokens, defaults }),
    async getToken({ signal, ...choice } = {}) {
      return tokens.get(toTarget(choice, defaults), signal)
    },
    invalidate: (token) => void tokens.refuse(token),
  }
}
