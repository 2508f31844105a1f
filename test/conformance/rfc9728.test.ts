import t from 'tap'
import { startApp } from '../helpers/app.js'
import { storeResource } from '../helpers/resources.js'
import { issuer, signIn, startIssuer } from './server.js'

const path = '/.well-known/oauth-protected-resource'

const audience = `${issuer}/api`
const app = await startIssuer(t, { AUDIENCE: audience })

t.test('§2, §3 the metadata of this service', async (t) => {
  const response = await app.inject(path)
  t.match(response.headers, { 'content-type': /^application\/json/, 'cache-control': 'public, max-age=300' })
  t.same(response.json(), {
    resource: issuer,
    authorization_servers: [issuer],
    scopes_supported: ['me', 'items:read', 'items:write'],
    bearer_methods_supported: ['header'],
    resource_name: 'Latchkey',
    resource_documentation: `${issuer}/docs`,
  })
})

t.test(
  '§3.1 the path of the audience follows the well-known path, and no other path has metadata',
  async (t) => {
    t.match((await app.inject(`${path}/api?any`)).json(), { resource: audience })
    for (const other of ['/', '/API', '/api/', '/api/v1', '/%61pi'])
      t.match(await app.inject(`${path}${other}`), { statusCode: 404, body: '{"detail":"Not Found"}' }, other)
  },
)

t.test('§3.3 the resource is the configured one, whatever the request says', async (t) => {
  const headers = { host: 'evil.example', 'x-forwarded-host': 'evil.example' }
  t.match((await app.inject({ url: path, headers })).json(), { resource: issuer })
})

t.test('every published resource can be requested, and its token is accepted here', async (t) => {
  for (const resource of [issuer, audience]) {
    const { access_token } = await signIn(app, { client_id: 'first-party', resource })
    const headers = { authorization: `Bearer ${access_token}` }
    t.equal((await app.inject({ url: '/users/me/', headers })).statusCode, 200, resource)
  }
})

t.test('an audience that is no URL below the issuer has no path', async (t) => {
  for (const AUDIENCE of ['api', 'https://other.example/api', `${issuer}/api?a`, `${issuer}.evil/api`]) {
    const other = await startIssuer(t, { AUDIENCE })
    t.equal((await other.inject(`${path}/api`)).statusCode, 404, AUDIENCE)
    t.match((await other.inject(path)).json(), { resource: issuer }, AUDIENCE)
  }
})

t.test('§4 the server metadata lists enabled resources that are URLs, at most 100', async (t) => {
  const listed = async () => {
    await app.changes.sync()
    const response = await app.inject('/.well-known/oauth-authorization-server')
    return response.json<{ protected_resources: string[] }>().protected_resources
  }
  t.same(await listed(), [issuer])
  await storeResource(app.database, { name: 'orders', identifier: 'https://orders.example', scopes: [] })
  await storeResource(app.database, { name: 'bills', identifier: 'urn:bills', scopes: [] })
  t.same(await listed(), [issuer, 'https://orders.example'])
  await app.database.resource.updateMany({ data: { disabled: true } })
  t.same(await listed(), [issuer])
  const names = Array.from({ length: 100 }, (_, index) => `many-${index}`)
  await app.database.resource.createMany({
    data: names.map((name) => ({ name, identifier: `https://${name}.example` })),
  })
  t.equal((await listed()).length, 100)
})

t.test('§5.1 challenges name the metadata, beside the operations of the tutorial', async (t) => {
  const metadata = `resource_metadata="${issuer}${path}"`
  const challenge = async (url: string, token?: string) => {
    const response = await app.inject({ url, headers: token ? { authorization: `Bearer ${token}` } : {} })
    return response.headers['www-authenticate']
  }
  const { access_token: narrow } = await signIn(app, { client_id: 'first-party', scope: 'me' })
  for (const url of ['/users/me/events/', '/users/me/items/Foo', '/users/johndoe/items/', '/resources/']) {
    t.equal(await challenge(url), `Bearer ${metadata}`, url)
    t.equal(await challenge(url, 'invalid'), `Bearer ${metadata}`, url)
  }
  const missing = 'Bearer error="insufficient_scope", scope'
  t.equal(await challenge('/users/me/items/Foo', narrow), `${missing}="items:read", ${metadata}`)
  for (const url of ['/users/me/', '/users/me/items/']) {
    t.equal(await challenge(url), 'Bearer', url)
    t.equal(await challenge(url, 'invalid'), 'Bearer', url)
  }
  t.equal(await challenge('/users/me/items/', narrow), `${missing}="items:read"`)
})

t.test('with a shared secret there is no metadata, and no challenge names it', async (t) => {
  const shared = await startApp(t)
  for (const url of [path, `${path}/api`]) t.equal((await shared.inject(url)).statusCode, 404, url)
  t.equal((await shared.inject('/users/me/events/')).headers['www-authenticate'], 'Bearer')
})

t.test(
  'RFC 6749 §3.1.1 the authorization endpoint supports no response type, and does not redirect',
  async (t) => {
    const query = 'response_type=code&client_id=reports&redirect_uri=https://evil.example'
    const response = await app.inject(`/authorize?${query}`)
    t.match(response, { statusCode: 400, headers: { location: undefined } })
    t.match(response.json(), { error: 'unsupported_response_type', code: 'unsupported_response_type' })
  },
)
