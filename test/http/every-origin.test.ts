import t from 'tap'
import { startIssuer } from '../conformance/server.js'

const documents = [
  '/.well-known/jwks.json',
  '/.well-known/oauth-authorization-server',
  '/.well-known/oauth-protected-resource',
]

for (const settings of [{}, { CORS_ORIGINS: 'https://app.example.com' }])
  t.test(`scripts of any origin read what verifiers need: ${JSON.stringify(settings)}`, async (t) => {
    const app = await startIssuer(t, settings)
    for (const origin of ['https://app.example.com', 'https://other.example'])
      for (const url of documents) {
        const { statusCode, headers } = await app.inject({ url, headers: { origin } })
        t.equal(statusCode, 200)
        t.equal(headers['access-control-allow-origin'], '*')
        t.match(headers['access-control-expose-headers'], 'etag')
        t.notOk(headers['access-control-allow-credentials'])
        t.notMatch(String(headers.vary), /origin/i)
      }
  })

t.test('scripts may send conditional requests', async (t) => {
  const app = await startIssuer(t, { CORS_ORIGINS: 'https://app.example.com' })
  for (const url of [...documents, '/status-lists', '/status-lists/VxDHaQrjKvM']) {
    const { statusCode, headers, body } = await app.inject({
      method: 'OPTIONS',
      url,
      headers: {
        origin: 'https://other.example',
        'access-control-request-method': 'GET',
        'access-control-request-headers': 'if-none-match',
      },
    })
    t.equal(statusCode, 204, url)
    t.equal(body, '')
    t.match(headers, {
      'access-control-allow-origin': '*',
      'access-control-allow-methods': 'GET, HEAD',
      'access-control-allow-headers': '*',
      'access-control-max-age': '600',
    })
  }
})

t.test('other routes stay closed to them', async (t) => {
  const app = await startIssuer(t)
  const { headers } = await app.inject({ url: '/users/me/', headers: { origin: 'https://other.example' } })
  t.notOk(headers['access-control-allow-origin'])
})
