import * as client from 'openid-client'
import t from 'tap'
import { clientId, issuer, listen, replaceKeys, secret, statusOf } from './server.js'

t.test('openid-client: discovery, every grant, introspection and revocation', async (t) => {
  const { origin, fetchFromIssuer } = await listen(t)
  const config = await client.discovery(
    new URL(issuer),
    clientId,
    undefined,
    client.ClientSecretBasic(secret),
    { algorithm: 'oauth2', [client.customFetch]: fetchFromIssuer },
  )
  t.equal(config.serverMetadata().token_endpoint, `${issuer}/token`)

  const login = await client.genericGrantRequest(config, 'password', {
    username: 'johndoe',
    password: 'secret',
  })
  t.equal(await statusOf(origin, login.access_token), 200)
  t.equal(login.scope, 'me items:read')
  const refreshed = await client.refreshTokenGrant(config, login.refresh_token ?? '')
  t.not(refreshed.refresh_token, login.refresh_token)
  t.equal(await statusOf(origin, refreshed.access_token), 200)
  const own = await client.clientCredentialsGrant(config, { scope: 'orders:read' })
  t.match(await client.tokenIntrospection(config, own.access_token), {
    ...{ active: true, sub: 'client:reports', client_id: 'reports', scope: 'orders:read' },
  })
  await client.tokenRevocation(config, refreshed.refresh_token ?? '')
  t.same(await client.tokenIntrospection(config, refreshed.access_token), { active: false })
  const refused = client.refreshTokenGrant(config, refreshed.refresh_token ?? '')
  t.match(await refused.catch((error: unknown) => error), { error: 'invalid_grant' })
})

t.test('openid-client: PrivateKeyJwt', async (t) => {
  const { app, fetchFromIssuer } = await listen(t)
  const algorithm = { name: 'ECDSA', namedCurve: 'P-256' }
  const { publicKey, privateKey } = await crypto.subtle.generateKey(algorithm, true, ['sign', 'verify'])
  await replaceKeys(app, publicKey, 'key')
  const config = await client.discovery(
    new URL(issuer),
    clientId,
    undefined,
    client.PrivateKeyJwt({ key: privateKey, kid: 'key' }),
    { algorithm: 'oauth2', [client.customFetch]: fetchFromIssuer },
  )
  const own = await client.clientCredentialsGrant(config, { scope: 'orders:read' })
  t.match(await client.tokenIntrospection(config, own.access_token), { active: true, scope: 'orders:read' })
  await client.tokenRevocation(config, own.access_token)
  t.same(await client.tokenIntrospection(config, own.access_token), { active: false })
})
