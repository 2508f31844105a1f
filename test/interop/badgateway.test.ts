import { OAuth2Client } from '@badgateway/oauth2-client'
import t from 'tap'
import { clientId, issuer, listen, secret, statusOf } from './server.js'

t.test('@badgateway/oauth2-client: discovery, every grant, introspection and revocation', async (t) => {
  const { origin, fetchFromIssuer } = await listen(t)
  const client = new OAuth2Client({
    server: issuer,
    discoveryEndpoint: '/.well-known/oauth-authorization-server',
    clientId,
    clientSecret: secret,
    fetch: fetchFromIssuer,
  })
  const login = await client.password({ username: 'johndoe', password: 'secret', scope: ['me'] })
  t.equal(await statusOf(origin, login.accessToken), 200)
  const refreshed = await client.refreshToken(login)
  t.equal(await statusOf(origin, refreshed.accessToken), 200)
  const own = await client.clientCredentials({ scope: ['orders:read'] })
  t.match(await client.introspect(own), { active: true, sub: 'client:reports' })
  await client.revoke(refreshed, 'refresh_token')
  t.same(await client.introspect(refreshed), { active: false })
  await t.rejects(client.refreshToken(refreshed), { message: /refresh token is unknown/ })
})
