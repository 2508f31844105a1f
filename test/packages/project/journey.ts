import { serviceClient } from '@latchkey/client'
import { latchkeyRequest } from '@latchkey/verify/request'
import { testIssuer } from '@latchkey/verify/testing'

const scope = 'orders:read'
const orders = 'https://orders.test/orders'

/** Returns what a service answers to a call, to the same token after it was revoked, and to a further call, after a change of keys. */
export async function takeJourney(): Promise<string> {
  const { settings, fetch: askIssuer, token, revoke, rotate, clock } = await testIssuer()
  const { issuer } = settings
  const { requireScope } = latchkeyRequest(settings)
  const serveOrders = requireScope(scope, (_request, caller) => new Response(caller.subject))

  /** Stands in for the network: the service, the token endpoint, and the documents of the issuer. */
  async function send(url: string, init: RequestInit): Promise<Response> {
    if (url === orders) return serveOrders(new Request(url, init))
    if (url === `${issuer}/token`)
      return Response.json({
        access_token: await token({ clientId: 'billing', scope }),
        token_type: 'Bearer',
        expires_in: 900,
      })
    const response = await askIssuer(url, init)
    if (!url.endsWith('/oauth-authorization-server')) return response
    return Response.json({ ...((await response.json()) as object), token_endpoint: `${issuer}/token` })
  }

  const latchkey = serviceClient({ issuer, clientId: 'billing', clientSecret: 'secret', scope, fetch: send })
  const call = async () => (await latchkey.fetch(orders)).text()
  const outcomes = [await call()]

  const revoked = await latchkey.getToken()
  revoke(revoked)
  clock.advance(5_000)
  const response = await send(orders, { headers: { authorization: `Bearer ${revoked}` } })
  outcomes.push(`${response.status} ${response.headers.get('www-authenticate')}`)

  await rotate()
  outcomes.push(await call())
  return outcomes.join('\n')
}
