import { generateKeyPairSync, webcrypto } from 'node:crypto'
import t from 'tap'
import { serviceClient, userSession } from '../../packages/client/src/index.js'
import { passwordLogin } from '../../packages/client/src/legacy.js'
import { clientId, issuer, listen, replaceKeys, secret, statusOf } from './server.js'

t.test('@latchkey/client: a token of the service, by each of its secrets', async (t) => {
  const { fetchFromIssuer } = await listen(t)
  const fetch = (url: string, init: RequestInit) => fetchFromIssuer(url, init)
  for (const clientSecret of [secret, ['an old secret', secret]]) {
    const client = serviceClient({ issuer, clientId, clientSecret, scope: 'orders:read', fetch })
    t.match(await client.getToken(), /^ey/)
  }
  const wrong = serviceClient({ issuer, clientId, clientSecret: 'wrong', fetch })
  await t.rejects(wrong.getToken(), { code: 'invalid_client', status: 401 })
  const refused = serviceClient({ issuer, clientId, clientSecret: secret, scope: 'none', fetch })
  await t.rejects(refused.getToken(), { code: 'invalid_scope' })
})

t.test('@latchkey/client: private_key_jwt', async (t) => {
  const { app, fetchFromIssuer } = await listen(t)
  const fetch = (url: string, init: RequestInit) => fetchFromIssuer(url, init)
  const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' })
  const spki = publicKey.export({ type: 'spki', format: 'der' })
  const parameters = { name: 'ECDSA', namedCurve: 'P-256' }
  await replaceKeys(app, await webcrypto.subtle.importKey('spki', spki, parameters, true, ['verify']), 'one')
  const key = privateKey.export({ type: 'pkcs8', format: 'pem' }).toString()
  const client = serviceClient({
    issuer,
    clientId,
    privateKey: { key, kid: 'one' },
    scope: 'orders:read',
    fetch,
  })
  t.match(await client.getToken(), /^ey/)
  t.match(await client.getToken({ scope: '' }), /^ey/, 'with an assertion of its own')
})

t.test('@latchkey/client: the session of a user, in two processes, until the logout', async (t) => {
  const { origin, fetchFromIssuer } = await listen(t)
  const fetch = (url: string, init: RequestInit) => fetchFromIssuer(url, init)
  const options = { issuer, clientId, clientSecret: secret, fetch }
  const login = await passwordLogin({ ...options, username: 'johndoe', password: 'secret', scope: 'me' })
  let stored: string | null = login.refreshToken
  const store = {
    load: () => stored,
    save(next: string | null) {
      stored = next
    },
  }
  const sessions = [1, 2].map(() => userSession({ ...options, store }))
  for (const token of await Promise.all(sessions.map((session) => session.getToken())))
    t.equal(await statusOf(origin, token), 200)
  t.not(stored, login.refreshToken, 'rotated')
  for (const session of sessions) {
    const token = await session.getToken({ scope: 'me' })
    t.equal(await statusOf(origin, token), 200, 'the family lives')
  }
  const last = stored
  await sessions[0]?.logout()
  const late = userSession({ ...options, refreshToken: String(last) })
  await t.rejects(late.getToken(), { code: 'login_required', cause: { code: 'invalid_grant' } })
})
