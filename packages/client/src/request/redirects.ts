import { ClientError } from '../errors/client-error.js'
import type { Fetch } from '../server/exchange.js'
import { isRepeatable, type Outgoing } from './outgoing.js'

/** Maximum number of redirects that are followed. */
const maxRedirects = 5

/**
 * Sends a request with a token, and follows redirects within its origin, as not every platform removes the token on the way to
 * another one. With `redirect` of `manual` or `error` nothing is followed, as in `fetch`.
 *
 * @throws ClientError `unexpected_redirect`
 */
export async function sendWithToken(outgoing: Outgoing, token: string, fetch: Fetch): Promise<Response> {
  const { redirect = 'follow' } = outgoing.init
  let current = outgoing
  for (let count = 0; count <= maxRedirects; count += 1) {
    const headers = new Headers(current.init.headers)
    headers.set('authorization', `Bearer ${token}`)
    const init: RequestInit = {
      ...current.init,
      headers,
      redirect: redirect === 'error' ? redirect : 'manual',
    }
    const response = await fetch(current.url.href, init)
    if (redirect !== 'follow' || !isRedirect(response)) return response
    await response.body?.cancel()
    current = follow(current, response)
  }
  throw refuse(current, 'too many times')
}

/** A browser does not show where an `opaqueredirect` leads. */
function isRedirect({ status, type, headers }: Response): boolean {
  return type === 'opaqueredirect' || ([301, 302, 303, 307, 308].includes(status) && headers.has('location'))
}

/** Returns the request that a redirect asks for (Fetch standard, HTTP-redirect fetch). */
function follow(outgoing: Outgoing, { status, headers }: Response): Outgoing {
  const location = headers.get('location') ?? ''
  if (location === '' || !URL.canParse(location, outgoing.url.href)) throw refuse(outgoing, 'to nowhere')
  const url = new URL(location, outgoing.url.href)
  if (url.origin !== outgoing.url.origin) throw refuse(outgoing, `to ${url.origin}`)
  const { method = 'GET', body } = outgoing.init
  if (becomesGet(status, method)) return { url, init: withoutBody(outgoing.init) }
  if (!isRepeatable(body)) throw refuse(outgoing, 'a body that cannot be sent again')
  return { url, init: outgoing.init }
}

function becomesGet(status: number, method: string): boolean {
  if (status === 303) return !/^(get|head)$/i.test(method)
  return (status === 301 || status === 302) && /^post$/i.test(method)
}

function withoutBody({ body, ...init }: RequestInit): RequestInit {
  const headers = new Headers(init.headers)
  for (const name of ['content-encoding', 'content-language', 'content-location', 'content-type'])
    headers.delete(name)
  return { ...init, method: 'GET', headers }
}

function refuse({ url }: Outgoing, where: string): ClientError {
  return new ClientError('unexpected_redirect', `${url.origin} redirects ${where}`)
}
