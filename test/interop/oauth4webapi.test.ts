import * as oauth from 'oauth4webapi'
import t, { type Test } from 'tap'
import { clientId, issuer, listen, replaceKeys, secret, statusOf } from './server.js'

const client = { client_id: clientId }

async function discover(t: Test, settings?: Record<string, string>) {
  const { app, origin, fetchFromIssuer } = await listen(t, settings)
  const options = { [oauth.customFetch]: fetchFromIssuer }
  const url = new URL(issuer)
  const response = await oauth.discoveryRequest(url, { algorithm: 'oauth2', ...options })
  return { app, origin, options, as: await oauth.processDiscoveryResponse(url, response) }
}

function signIn(as: oauth.AuthorizationServer, auth: oauth.ClientAuth, options: object) {
  const parameters = { username: 'johndoe', password: 'secret', scope: 'me' }
  return oauth
    .genericTokenEndpointRequest(as, client, auth, 'password', parameters, options)
    .then((response) => oauth.processGenericTokenEndpointResponse(as, client, response))
}

t.test('oauth4webapi: every grant, by both authentication methods', async (t) => {
  const { as, options, origin } = await discover(t)
  for (const auth of [oauth.ClientSecretBasic(secret), oauth.ClientSecretPost(secret)]) {
    const login = await signIn(as, auth, options)
    t.equal(await statusOf(origin, login.access_token), 200)
    const refreshed = await oauth.processRefreshTokenResponse(
      as,
      client,
      await oauth.refreshTokenGrantRequest(as, client, auth, login.refresh_token ?? '', options),
    )
    t.equal(await statusOf(origin, refreshed.access_token), 200)
    const own = await oauth.processClientCredentialsResponse(
      as,
      client,
      await oauth.clientCredentialsGrantRequest(as, client, auth, { scope: 'orders:read' }, options),
    )
    t.match(own, { token_type: 'bearer', expires_in: 1800 })

    const introspect = async (token: string) =>
      oauth.processIntrospectionResponse(
        as,
        client,
        await oauth.introspectionRequest(as, client, auth, token, options),
      )
    t.match(await introspect(refreshed.access_token), { active: true, sub: 'johndoe', scope: 'me' })
    const revocation = await oauth.revocationRequest(as, client, auth, refreshed.refresh_token ?? '', options)
    await oauth.processRevocationResponse(revocation)
    t.same(await introspect(refreshed.access_token), { active: false })
  }
})

t.test('oauth4webapi: PrivateKeyJwt with every algorithm', async (t) => {
  const { app, as, options } = await discover(t)
  for (const alg of ['ES256', 'PS256', 'RS256', 'Ed25519']) {
    const { publicKey, privateKey } = await oauth.generateKeyPair(alg)
    await replaceKeys(app, publicKey, alg)
    const auth = oauth.PrivateKeyJwt({ key: privateKey, kid: alg })
    const request = oauth.clientCredentialsGrantRequest(as, client, auth, {}, options)
    const own = await oauth.processClientCredentialsResponse(as, client, await request)
    const introspected = await oauth.introspectionRequest(as, client, auth, own.access_token, options)
    t.match(await oauth.processIntrospectionResponse(as, client, introspected), { active: true }, alg)
    await oauth.processRevocationResponse(
      await oauth.revocationRequest(as, client, auth, own.access_token, options),
    )
  }
})

t.test('oauth4webapi: access tokens conform to RFC 9068', async (t) => {
  for (const algorithm of ['ES256', 'RS256']) {
    const { as, options } = await discover(t, { SIGNING_ALGORITHM: algorithm })
    const { access_token } = await signIn(as, oauth.ClientSecretBasic(secret), options)
    const request = new Request('https://api.example.com', {
      headers: { authorization: `Bearer ${access_token}` },
    })
    const claims = await oauth.validateJwtAccessToken(as, request, issuer, options)
    t.match(claims, { iss: issuer, aud: issuer, sub: 'johndoe', client_id: clientId, scope: 'me' })
    await t.rejects(oauth.validateJwtAccessToken(as, request, 'https://other.example.com', options))
  }
})

t.test('oauth4webapi: errors have the OAuth format', async (t) => {
  const { as, options } = await discover(t)
  await t.rejects(signIn(as, oauth.ClientSecretBasic('wrong'), options), {
    code: 'OAUTH_WWW_AUTHENTICATE_CHALLENGE',
    status: 401,
  })
  const refused = oauth
    .refreshTokenGrantRequest(as, client, oauth.ClientSecretPost(secret), 'unknown', options)
    .then((response) => oauth.processRefreshTokenResponse(as, client, response))
  t.match(await refused.catch((error: unknown) => error), { error: 'invalid_grant', status: 400 })
})
