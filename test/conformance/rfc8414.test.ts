import t from 'tap'
import { startApp } from '../helpers/app.js'
import { storeResource } from '../helpers/resources.js'
import { issuer, startIssuer } from './server.js'

const url = '/.well-known/oauth-authorization-server'
const signingAlgorithms = ['ES256', 'PS256', 'RS256', 'EdDSA', 'Ed25519']

type Metadata = Record<string, string | string[]>

t.test('§2 the metadata of a server with a key ring', async (t) => {
  const app = await startIssuer(t)
  const metadata = (await app.inject(url)).json<Metadata>()
  t.same(metadata, {
    issuer,
    authorization_endpoint: `${issuer}/authorize`,
    token_endpoint: `${issuer}/token`,
    jwks_uri: `${issuer}/.well-known/jwks.json`,
    scopes_supported: ['me', 'items:read', 'items:write'],
    response_types_supported: [],
    grant_types_supported: ['password', 'refresh_token', 'client_credentials'],
    token_endpoint_auth_methods_supported: [
      'client_secret_basic',
      'client_secret_post',
      'private_key_jwt',
      'none',
    ],
    token_endpoint_auth_signing_alg_values_supported: signingAlgorithms,
    revocation_endpoint: `${issuer}/revoke`,
    revocation_endpoint_auth_methods_supported: [
      'client_secret_basic',
      'client_secret_post',
      'private_key_jwt',
      'none',
    ],
    revocation_endpoint_auth_signing_alg_values_supported: signingAlgorithms,
    introspection_endpoint: `${issuer}/introspect`,
    introspection_endpoint_auth_methods_supported: [
      'client_secret_basic',
      'client_secret_post',
      'private_key_jwt',
    ],
    introspection_endpoint_auth_signing_alg_values_supported: signingAlgorithms,
    access_token_signing_alg_values_supported: ['ES256'],
    status_list_aggregation_endpoint: `${issuer}/status-lists`,
    protected_resources: [issuer],
    service_documentation: `${issuer}/docs`,
  })
})

t.test('§2 every URL in it is served', async (t) => {
  const app = await startIssuer(t)
  const metadata = (await app.inject(url)).json<Metadata>()
  for (const [name, address] of Object.entries(metadata).filter(([key]) =>
    /_(endpoint|uri|documentation)$/.test(key),
  )) {
    const response = await app.inject({ method: 'OPTIONS', url: new URL(String(address)).pathname })
    t.match(response.statusCode, /^(204|405)$/, name)
  }
})

t.test('§3.2 it is JSON', async (t) => {
  const response = await (await startIssuer(t)).inject(url)
  t.match(response.headers['content-type'], /^application\/json/)
})

t.test('§3.3 the issuer is the configured one, whatever the request says', async (t) => {
  const app = await startIssuer(t)
  const response = await app.inject({
    url,
    headers: { host: 'evil.example', 'x-forwarded-host': 'evil.example' },
  })
  t.equal(response.json<Metadata>().issuer, issuer)
})

t.test('it reflects what the deployment allows', async (t) => {
  const settings = { ALLOWED_GRANTS: 'client_credentials', SIGNING_ALGORITHM: 'RS256' }
  const metadata = (await (await startIssuer(t, settings)).inject(url)).json<Metadata>()
  t.same(metadata.grant_types_supported, ['client_credentials'])
  t.same(metadata.access_token_signing_alg_values_supported, ['RS256'])
})

t.test('it lists the scopes that every user has at enabled resources, also during an outage', async (t) => {
  const app = await startIssuer(t)
  const { database } = app
  await storeResource(database, {
    ...{ name: 'orders', identifier: 'urn:orders', scopes: ['orders:read', 'orders:write'] },
    defaultScopes: ['orders:read'],
  })
  await app.changes.sync()
  const scopes = async () => (await app.inject(url)).json<Metadata>().scopes_supported
  t.same(await scopes(), ['me', 'items:read', 'items:write', 'orders:read'])
  await database.resource.updateMany({ data: { disabled: true } })
  await app.changes.sync()
  t.same(await scopes(), ['me', 'items:read', 'items:write'])
})

t.test('with a shared secret there is no jwks_uri', async (t) => {
  const metadata = (await (await startApp(t)).inject(url)).json<Metadata>()
  t.notOk('jwks_uri' in metadata)
  t.notOk('protected_resources' in metadata)
  t.same(metadata.access_token_signing_alg_values_supported, ['HS256'])
})
