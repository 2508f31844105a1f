import t from 'tap'
import { getAs, logIn, postToken, startApp } from '../helpers/app.js'

t.test('every answer tells browsers to do no more with it than show it', async (t) => {
  const app = await startApp(t)
  for (const [path, status] of [
    ['/livez', 200],
    ['/users/me/', 401],
    ['/nowhere', 404],
    ['/docs', 200],
  ] as const) {
    const { headers, statusCode } = await app.inject(path)
    t.equal(statusCode, status)
    t.match(headers, { 'x-content-type-options': 'nosniff', 'x-frame-options': 'SAMEORIGIN' }, path)
    t.match(headers['content-security-policy'], /frame-ancestors 'none'/, path)
    for (const name of ['server', 'x-powered-by', 'access-control-allow-origin'])
      t.notOk(headers[name], `${path} ${name}`)
  }
})

t.test('no cache may keep what is meant for one caller', async (t) => {
  const app = await startApp(t)
  const token = await logIn(app, 'johndoe', 'secret')
  for (const path of [
    '/users/me/',
    '/users/me/items/',
    '/users/me/items/Foo',
    '/users/me/events/',
    '/users/',
  ])
    t.equal((await getAs(app, token, path)).headers['cache-control'], 'no-store', path)
  t.equal(
    (await postToken(app, { username: 'johndoe', password: 'secret' })).headers['cache-control'],
    'no-store',
  )
})

t.test('other origins may read only if they are named', async (t) => {
  const app = await startApp(t, { CORS_ORIGINS: 'https://one.example https://two.example' })
  const preflight = (origin: string) =>
    app.inject({
      method: 'OPTIONS',
      url: '/users/me/items/',
      headers: {
        origin,
        'access-control-request-method': 'POST',
        'access-control-request-headers': 'authorization',
      },
    })
  t.match((await preflight('https://two.example')).headers, {
    'access-control-allow-origin': 'https://two.example',
    'access-control-allow-methods': /POST/,
  })
  t.notOk((await preflight('https://three.example')).headers['access-control-allow-origin'])
  t.equal((await app.inject('/nowhere')).statusCode, 404)
  t.equal((await app.inject({ method: 'DELETE', url: '/livez' })).statusCode, 405)
})

t.test('methods that no route takes are refused', async (t) => {
  const app = await startApp(t)
  for (const method of ['TRACE', 'OPTIONS', 'PROPFIND'] as const) {
    const { statusCode, headers } = await app.inject({ method: method as 'OPTIONS', url: '/users/me/' })
    t.equal(statusCode, 405, method)
    t.match(headers.allow, 'GET')
  }
})

t.test('a body that is no UTF-8 is refused instead of mended', async (t) => {
  const app = await startApp(t)
  const authorization = `Bearer ${await logIn(app, 'johndoe', 'secret')}`
  for (const [method, type] of [
    ['POST', 'application/json'],
    ['PATCH', 'application/merge-patch+json'],
  ] as const) {
    const response = await app.inject({
      method,
      url: method === 'POST' ? '/users/me/items/' : '/users/me/items/Foo',
      headers: { authorization, 'content-type': type },
      payload: Buffer.concat([Buffer.from('{"title":"'), Buffer.from([0xc3, 0x28]), Buffer.from('"}')]),
    })
    t.equal(response.statusCode, 422)
    t.match(response.json(), { detail: [{ type: 'utf8_invalid', loc: ['body'] }] })
  }
})

t.test('a form has as many fields as fit into its bytes', async (t) => {
  const app = await startApp(t)
  t.equal((await postToken(app, 'a=1&'.repeat(4_000))).statusCode, 422)
  t.equal((await postToken(app, 'a=1&'.repeat(5_000))).statusCode, 413)
})
