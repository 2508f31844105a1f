import type { AddressInfo } from 'node:net'
import t from 'tap'
import { logIn, startApp } from '../helpers/app.js'
import { sendWire } from '../helpers/wire.js'

t.test('requests without a route', async (t) => {
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

t.test('a path of its own is never taken for a path parameter', async (t) => {
  const app = await startApp(t)
  const { paths } = (await app.inject('/openapi.json')).json<{ paths: Record<string, object> }>()
  // An item cannot have one of these names, which the answers to other methods say.
  const itemNames = /items\/(import|export)$/
  const isFixed = (path: string) => path !== '/' && !path.includes('{') && !itemNames.test(path)
  // /verify accepts every method.
  const fixedPaths = Object.entries(paths).filter(([path]) => isFixed(path) && path !== '/verify')
  for (const [url, operations] of fixedPaths)
    for (const method of ['GET', 'POST', 'PUT', 'PATCH', 'DELETE'] as const) {
      const isPage = method === 'GET' && url.startsWith('/account/')
      if (isPage || method.toLowerCase() in operations) continue
      const response = await app.inject({ method, url })
      t.equal(response.statusCode, 405, `${method} ${url}`)
      t.notMatch(response.headers.allow, method)
    }
  t.ok(fixedPaths.length > 10)
  const long = await app.inject({ method: 'POST', url: `/users/me/items/${'a'.repeat(200)}` })
  t.equal(long.statusCode, 405, 'a long parameter')
})

t.test(
  'the tutorial has nothing at /, so other methods than those of the landing page find nothing there',
  async (t) => {
    const app = await startApp(t)
    for (const method of [
      'POST',
      'PUT',
      'PATCH',
      'DELETE',
      'OPTIONS',
      'TRACE',
      'PROPFIND',
    ] as unknown as 'GET'[])
      for (const url of ['/', '/?a=1'])
        for (const accept of ['*/*', 'application/json', 'text/html']) {
          const response = await app.inject({ method, url, headers: { accept } })
          t.match(response, { statusCode: 404, body: '{"detail":"Not Found"}' }, `${method} ${url} ${accept}`)
          t.notHas(response.headers, 'allow')
        }
  },
)

t.test('error responses have the members of the tutorial, however its paths are spelled', async (t) => {
  const app = await startApp(t)
  for (const [method, url, body] of [
    ['GET', '/users/%6de/', { detail: 'Not authenticated' }],
    ['GET', '/%75sers/me/items/', { detail: 'Not authenticated' }],
    ['GET', '/users%2fme%2f?a=%6d', { detail: 'Not authenticated' }],
    ['PUT', '/%74oken', { detail: 'Method Not Allowed' }],
    ['POST', '/%64ocs', { detail: 'Method Not Allowed' }],
    ['DELETE', '/openapi%2Ejson', { detail: 'Method Not Allowed' }],
    ['DELETE', '/users/%6de/', { detail: 'Not authenticated', code: 'not_authenticated' }],
    ['GET', '/users/%256de/', { detail: 'Not authenticated', code: 'not_authenticated' }],
    ['GET', '/users/me/%ff', { detail: 'Bad Request' }],
    ['PUT', '/%6civez', { detail: 'Method Not Allowed', code: 'method_not_allowed' }],
  ] as const)
    t.same((await app.inject({ method, url })).json(), body, `${method} ${url}`)
  const login = await app.inject({
    method: 'POST',
    url: '/%74oken',
    headers: { 'content-type': 'application/x-www-form-urlencoded' },
    payload: 'username=johndoe&password=wrong',
  })
  t.same(login.json(), { detail: 'Incorrect username or password' })
})

t.test('a request without a route gets the same response with a body', async (t) => {
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

t.test('the authority of a target is not reflected', async (t) => {
  const app = await startApp(t)
  await app.listen({ host: '127.0.0.1', port: 0 })
  const { port } = app.server.address() as AddressInfo
  const token = await logIn(app, 'johndoe', 'secret')
  for (const [method, target, status, location] of [
    ['GET', 'http://evil.example/users/me', 307, '/users/me/'],
    ['GET', 'HTTPS://user:password@evil.example:8/users/me?a=//b', 307, '/users/me/?a=//b'],
    ['GET', 'http://evil.example/livez/', 307, '/livez'],
    ['GET', 'http://evil.example/livez', 200, undefined],
    ['GET', 'http://evil.example', 200, undefined],
    ['GET', 'http://evil.example?a=/livez', 200, undefined],
    ['GET', 'http://evil.example/users/me#/?a=1', 307, '/users/me/'],
    ['GET', '/users/me?a=1#evil', 307, '/users/me/?a=1'],
    ['GET', '/livez#evil', 200, undefined],
    ['PUT', '/#evil', 404, undefined],
    ['OPTIONS', '*', 404, undefined],
    ['GET', '*', 404, undefined],
    ['POST', 'http://evil.example/users/me/items/', 201, '/users/me/items/one'],
  ] as const) {
    const body = method === 'POST' ? '{"item_id":"one"}' : ''
    const head = [
      `${method} ${target} HTTP/1.1`,
      'Host: x',
      'Connection: close',
      'Accept: */*',
      `Authorization: Bearer ${token}`,
      ...(body ? ['Content-Type: application/json', `Content-Length: ${body.length}`] : []),
    ]
    const [response] = await sendWire(port, `${head.join('\r\n')}\r\n\r\n${body}`)
    t.equal(response?.status, status, target)
    t.equal(response?.headers.location, location, target)
    t.notMatch(JSON.stringify(response), 'evil', target)
  }
  const frozen = 'GET /users/me/#/ HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n'
  t.equal((await sendWire(port, frozen))[0]?.body, '{"detail":"Not authenticated"}')
  const list = `GET http://evil.example/users/me/items/?limit=1 HTTP/1.1\r\nHost: x\r\nConnection: close\r\nAuthorization: Bearer ${token}\r\n\r\n`
  const [page] = await sendWire(port, list)
  t.match(page?.headers.link, '</users/me/items/?limit=1&cursor=')
})
