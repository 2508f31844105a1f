import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import t, { type Test } from 'tap'
import { NotAvailable } from '#bench/lib/not-available.js'
import { clientRequest, discover } from '#bench/peers/token-server.js'

const client = { id: 'a client', secret: 'p%q:r' }
const form = { grant_type: 'client_credentials' }

/** Starts a server that has documents at some paths, and returns its origin. */
async function serve(t: Test, documents: Record<string, object>): Promise<string> {
  const server = createServer(({ url = '' }, response) => {
    const document = documents[url]
    response.writeHead(document ? 200 : 404).end(JSON.stringify(document ?? {}))
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.teardown(() => server.close())
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`
}

t.test('a server is used under the name in the URL, as its issuer may have another', async (t) => {
  const origin = await serve(t, {
    '/.well-known/oauth-authorization-server': {
      issuer: 'https://auth.example.com',
      token_endpoint: 'https://auth.example.com/token?x=1',
      introspection_endpoint: 'https://admin.example.com/introspect',
      token_endpoint_auth_methods_supported: ['client_secret_post'],
    },
  })
  t.same(await discover(new URL(origin)), {
    url: origin,
    tokenPath: '/token?x=1',
    introspectionUrl: 'https://admin.example.com/introspect',
    takesBasic: false,
  })
})

t.test('an issuer with a path, which has OpenID Connect metadata only, is found', async (t) => {
  const origin = await serve(t, {
    '/realms/one/.well-known/openid-configuration': {
      issuer: 'https://auth.example.com/realms/one',
      token_endpoint: 'https://auth.example.com/realms/one/token',
    },
  })
  t.same(await discover(new URL(`${origin}/realms/one/`)), {
    url: origin,
    tokenPath: '/realms/one/token',
    introspectionUrl: undefined,
    takesBasic: true,
  })
})

t.test('a server without metadata is skipped', async (t) => {
  const origin = await serve(t, {})
  const reason = await discover(new URL(origin)).catch((error) => error)
  t.ok(reason instanceof NotAvailable)
  t.match(reason.message, 'has no metadata')
})

t.test('a server without a token endpoint is skipped', async (t) => {
  const origin = await serve(t, { '/.well-known/openid-configuration': { issuer: 'https://a.example.com' } })
  const reason = await discover(new URL(origin)).catch((error) => error)
  t.ok(reason instanceof NotAvailable)
  t.match(reason.message, 'names no token endpoint')
})

t.test('a server whose metadata are larger than any are refused', async (t) => {
  const padding = 'x'.repeat(100_000)
  const origin = await serve(t, { '/.well-known/openid-configuration': { padding } })
  await t.rejects(discover(new URL(origin)), { message: /more than 100000 bytes/ })
})

t.test('a client authenticates in the header, form-encoded, or in the form', async (t) => {
  const { headers, body } = clientRequest({ takesBasic: true }, client, '/token', form)
  t.equal(headers.authorization, `Basic ${Buffer.from('a%20client:p%25q%3Ar').toString('base64')}`)
  t.equal(body, 'grant_type=client_credentials')
  const other = clientRequest({ takesBasic: false }, client, '/token', form)
  t.notOk('authorization' in other.headers)
  t.equal(other.body, 'grant_type=client_credentials&client_id=a+client&client_secret=p%25q%3Ar')
})
