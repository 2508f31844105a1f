import { ClientCredentials, ResourceOwnerPassword } from 'simple-oauth2'
import t from 'tap'
import { clientId, listen, secret, statusOf } from './server.js'

t.test('simple-oauth2: password, refresh, revoke and client credentials', async (t) => {
  const { origin } = await listen(t)
  for (const authorizationMethod of ['header', 'body'] as const) {
    const settings = {
      client: { id: clientId, secret },
      auth: { tokenHost: origin, tokenPath: '/token', revokePath: '/revoke' },
      options: { authorizationMethod },
    }
    const login = await new ResourceOwnerPassword(settings).getToken({
      username: 'johndoe',
      password: 'secret',
      scope: 'me',
    })
    t.equal(await statusOf(origin, String(login.token.access_token)), 200)
    const refreshed = await login.refresh()
    t.equal(await statusOf(origin, String(refreshed.token.access_token)), 200)
    await refreshed.revoke('refresh_token')
    t.equal(await statusOf(origin, String(refreshed.token.access_token)), 401)
    const own = await new ClientCredentials(settings).getToken({ scope: 'orders:read' })
    t.match(own.token, { token_type: 'bearer', expires_in: 1800 })
  }
})
