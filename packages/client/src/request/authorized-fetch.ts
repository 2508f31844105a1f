import { ClientError } from '../errors/client-error.js'
import type { Emit, TokenTarget } from '../runtime/events.js'
import { isSecure } from '../runtime/url.js'
import type { Fetch } from '../server/exchange.js'
import type { TokenCache } from '../tokens/token-cache.js'
import { type TokenChoice, toTarget } from '../tokens/token-target.js'
import { refusesToken } from './challenge.js'
import { isRepeatable, type Outgoing, toOutgoing } from './outgoing.js'
import { sendWithToken } from './redirects.js'
import { haveSameSubject } from './subject.js'

/** Options of a request: those of `fetch`, and the scope and resource of its token. */
export interface AuthorizedInit extends RequestInit, TokenChoice {}

/**
 * Sends a request with a token, as `fetch` does. If the service refuses the token, the request is sent once more with another
 * one, unless its body is a stream, or another user has logged in meanwhile, in this tab or in another one.
 *
 * @throws ClientError if there is no token, or it must not be sent
 * @throws what `fetch` throws
 */
export type AuthorizedFetch = (input: string | URL | Request, init?: AuthorizedInit) => Promise<Response>

/** What requests with a token need. */
export interface AuthorizedFetchConfig {
  tokens: TokenCache
  defaults: TokenTarget
  fetch: Fetch
  /** Origins to which tokens may be sent; null for every one that is encrypted or on this machine. */
  origins: readonly string[] | null
  allowHttp: boolean
  emit: Emit
}

/** Creates a `fetch` that adds tokens. */
export function createAuthorizedFetch(config: AuthorizedFetchConfig): AuthorizedFetch {
  const { tokens, fetch, emit } = config

  async function authorizedFetch(
    input: string | URL | Request,
    { scope, resource, ...init }: AuthorizedInit = {},
  ): Promise<Response> {
    const target = toTarget({ scope, resource }, config.defaults)
    const outgoing = await toOutgoing(input, init)
    requireAllowed(outgoing.url, config)
    const token = await tokens.get(target, outgoing.init.signal ?? undefined)
    const response = await sendWithToken(outgoing, token, fetch)
    if (!refusesToken(response) || !tokens.refuse(token) || !isRepeatable(init.body)) return response
    const next = await replace(target, outgoing, response)
    if (!haveSameSubject(token, next)) return response
    await response.body?.cancel()
    emit({ type: 'request_retried', origin: outgoing.url.origin })
    return sendWithToken(outgoing, next, fetch)
  }

  /** Returns the token after a refused one. Without one the refusal is dropped. */
  async function replace(target: TokenTarget, outgoing: Outgoing, refusal: Response): Promise<string> {
    try {
      return await tokens.get(target, outgoing.init.signal ?? undefined)
    } catch (error) {
      await refusal.body?.cancel()
      throw error
    }
  }

  return authorizedFetch
}

/** @throws ClientError `insecure_url` */
function requireAllowed(url: URL, { origins, allowHttp }: AuthorizedFetchConfig): void {
  if (!isSecure(url) && !(allowHttp && url.protocol === 'http:'))
    throw new ClientError('insecure_url', `${url.origin} is not https, which only allowHttp permits`)
  if (origins && !origins.includes(url.origin))
    throw new ClientError('insecure_url', `${url.origin} is not one of the origins that get tokens`)
}
