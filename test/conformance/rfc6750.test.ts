import t from 'tap'
import { askWho, signIn, startIssuer } from './server.js'

const app = await startIssuer(t)
const { access_token: token } = await signIn(app)
const narrow = await signIn(app, { client_id: 'first-party', scope: 'items:read' })

t.test('§2.1 the token is sent in the Authorization header; the scheme is not case-sensitive', async (t) => {
  for (const scheme of ['Bearer', 'bearer', 'BEARER'])
    t.equal((await askWho(app, `${scheme} ${token}`)).statusCode, 200, scheme)
})

t.test('§2.2, §2.3 a token in a form or in the query is ignored', async (t) => {
  const query = await app.inject({ url: `/users/me/?access_token=${token}` })
  t.equal(query.statusCode, 401)
  const form = await app.inject({
    url: '/users/me/',
    headers: { 'content-type': 'application/x-www-form-urlencoded' },
    payload: `access_token=${token}`,
  })
  t.equal(form.statusCode, 401)
})

t.test('§3 a request without a token gets the scheme, without an error code', async (t) => {
  for (const headers of [{}, { authorization: 'Basic YTpi' }]) {
    const response = await app.inject({ url: '/users/me/', headers })
    t.equal(response.statusCode, 401)
    t.equal(response.headers['www-authenticate'], 'Bearer')
  }
})

t.test('§3.1 an invalid token is 401 with the scheme', async (t) => {
  const response = await askWho(app, 'Bearer invalid')
  t.equal(response.statusCode, 401)
  t.match(response.headers['www-authenticate'], /^Bearer/)
})

t.test('§3.1 insufficient_scope is 403 and names the required scope', async (t) => {
  const response = await askWho(app, `Bearer ${narrow.access_token}`)
  t.equal(response.statusCode, 403)
  t.equal(response.headers['www-authenticate'], 'Bearer error="insufficient_scope", scope="me"')
})

t.test('§5.3 a token has a short lifetime and a scope', async (t) => {
  const { expires_in, scope } = await signIn(app)
  t.ok(expires_in <= 3600)
  t.equal(scope, 'me items:read')
})
