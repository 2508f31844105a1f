import t from 'tap'
import { startApp } from './helpers/app.js'

t.test('requests that no route takes', async (t) => {
  const app = await startApp(t)
  for (const { method = 'GET', url, status, header } of [
    { url: '/users/me', status: 307, header: { location: '/users/me/' } },
    { url: '/users/me?', status: 307, header: { location: '/users/me/' } },
    { url: '/users/me?a=1?b=%2F', status: 307, header: { location: '/users/me/?a=1?b=%2F' } },
    { method: 'POST', url: '/users/me', status: 307, header: { location: '/users/me/' } },
    { method: 'PROPFIND', url: '/token/', status: 307, header: { location: '/token' } },
    { url: '/token//', status: 307, header: { location: '/token' } },
    { url: '/redoc/', status: 307, header: { location: '/redoc' } },
    { url: '/docs/oauth2-redirect/', status: 307, header: { location: '/docs/oauth2-redirect' } },
    { url: '/users/me//', status: 404 },
    { url: '//users/me/', status: 404 },
    { url: '//example.com/users/me', status: 404 },
    { url: '//', status: 404 },
    { url: '/users//items/', status: 404 },
    { url: '/users//', status: 404 },
    { url: '/users/me/items//Foo', status: 404 },
    { url: '/users/me/items/%2fFoo', status: 404 },
    { url: '/users/me/?next=//example.com//', status: 401 },
    { url: '/users%2Fme%2F', status: 401 },
    { url: '/users/%6De/', status: 401 },
    { method: 'PATCH', url: '/users/me/items/', status: 405, header: { allow: 'GET, HEAD' } },
    { method: 'PROPFIND', url: '/token', status: 405, header: { allow: 'POST' } },
    { method: 'TRACE', url: '/token', status: 405, header: { allow: 'POST' } },
  ] as { method?: 'GET'; url: string; status: number; header?: Record<string, string> }[]) {
    const response = await app.inject({ method, url })
    t.equal(response.statusCode, status, `${method} ${url}`)
    if (header) t.match(response.headers, header, `${method} ${url}`)
  }
})

t.test('a body that nobody reads is no reason for another answer', async (t) => {
  const app = await startApp(t)
  const payload = '{'.repeat(100_000)
  for (const [url, status] of [
    ['/nonexistent', 404],
    ['/users/me/', 405],
  ] as const) {
    const response = await app.inject({
      method: 'POST',
      url,
      payload,
      headers: { 'content-type': 'application/json' },
    })
    t.equal(response.statusCode, status, url)
  }
})
