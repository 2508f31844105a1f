import t from 'tap'
import { asUser, basic, decode, postTo, type Tokens } from '../conformance/server.js'
import { startApp } from '../helpers/app.js'
import { as } from '../helpers/client.js'
import { storeClient } from '../helpers/clients.js'
import { storeResource, storeRole } from '../helpers/resources.js'

// A scope that is requested twice, or that somebody has twice, is in a token once.

const orders = 'https://orders.example'
const secret = 'the secret of shop'
const app = await startApp(t, { JWT_SECRET: '' })
const { database } = app
await storeClient(database, 'orders-api', secret, [])
await storeResource(database, {
  name: 'orders',
  identifier: orders,
  scopes: ['orders:read', 'orders:write'],
  defaultScopes: ['orders:read'],
  servers: ['orders-api'],
})
const twice = ['orders:read', 'orders:write', 'orders:read', 'orders:write']
await storeClient(database, 'shop', secret, ['me', 'me', 'items:read', ...twice], ['introspect'])
await storeRole(database, 'clerk', ['orders:read', 'orders:write'], ['johndoe'])
await database.user.update({ where: { username: 'johndoe' }, data: { scopes: twice } })

async function request(form: Record<string, string>): Promise<Tokens> {
  return (
    await postTo(app, '/token', new URLSearchParams(form).toString(), basic('shop', secret))
  ).json<Tokens>()
}

async function introspect(token: string, clientId: string): Promise<string | undefined> {
  const body = new URLSearchParams({ token }).toString()
  const response = await postTo(app, '/introspect', body, basic(clientId, secret))
  return response.json<{ scope?: string }>().scope
}

const ofResource = 'orders:read orders:write'
const asClient = { grant_type: 'client_credentials' }
for (const [what, form, scope, server] of [
  ['a login that names scopes twice', { ...asUser, scope: 'me items:read me' }, 'me items:read', 'shop'],
  ['a login for a resource', { ...asUser, resource: orders }, ofResource, 'orders-api'],
  ['a login for a resource by its scopes', { ...asUser, scope: twice.join(' ') }, ofResource, 'orders-api'],
  ['a client itself', asClient, 'me items:read', 'shop'],
  ['a client itself that names scopes twice', { ...asClient, scope: 'me me' }, 'me', 'shop'],
  ['a client itself at a resource', { ...asClient, resource: orders }, ofResource, 'orders-api'],
] as const)
  t.test(`${what} gets each scope once`, async (t) => {
    const tokens = await request(form)
    t.equal(decode(tokens.access_token, 1).scope, scope)
    t.equal(tokens.scope ?? scope, scope, 'in the response')
    t.equal(await introspect(tokens.access_token, server), scope, 'by introspection')
    if (form.grant_type !== 'password') return
    t.equal(await introspect(tokens.refresh_token, 'shop'), scope, 'of the login too')
    for (const asked of [{}, { scope: `${scope} ${scope}` }]) {
      const { access_token } = await request({
        grant_type: 'refresh_token',
        refresh_token: tokens.refresh_token,
        ...asked,
      })
      t.equal(decode(access_token, 1).scope, scope, 'after a refresh')
    }
  })

t.test('a login that was stored with a scope twice has it once', async (t) => {
  const { refresh_token } = await request({ ...asUser, scope: 'me items:read' })
  await database.tokenFamily.updateMany({ data: { scope: 'me items:read me' } })
  t.equal(await introspect(refresh_token, 'shop'), 'me items:read')
  const { access_token } = await request({ grant_type: 'refresh_token', refresh_token })
  t.equal(decode(access_token, 1).scope, 'me items:read')
})

t.test('/verify names each scope once', async (t) => {
  const { access_token } = await request({ ...asUser, resource: orders })
  const verify = (scope: string) =>
    as(app, access_token).get(`/verify?${new URLSearchParams({ resource: orders, scope }).toString()}`)
  t.match((await verify('orders:read orders:read')).headers, {
    'x-latchkey-scope': 'orders:read orders:write',
  })
  t.match((await verify('x:y x:y')).headers, { 'www-authenticate': /scope="x:y"/ })
})
