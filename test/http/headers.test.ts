import type { AddressInfo } from 'node:net'
import t from 'tap'
import { catalogue, errorCodes } from '../../src/errors.js'
import { safeHeaders } from '../../src/http/headers.js'
import { logIn, postToken, startApp } from '../helpers/app.js'
import { as } from '../helpers/client.js'
import { sendWire } from '../helpers/wire.js'

t.test('every response has the headers that restrict browsers', async (t) => {
  const app = await startApp(t)
  for (const [path, status] of [
    ['/livez', 200],
    ['/users/me/', 401],
    ['/nowhere', 404],
    ['/docs', 200],
  ] as const) {
    const { headers, statusCode } = await app.inject(path)
    t.equal(statusCode, status)
    t.match(headers, { 'x-content-type-options': 'nosniff', 'x-frame-options': 'DENY' }, path)
    t.match(headers['content-security-policy'], /frame-ancestors 'none'/, path)
    for (const name of ['server', 'x-powered-by', 'access-control-allow-origin'])
      t.notOk(headers[name], `${path} ${name}`)
  }
})

t.test('a response from outside of routes has the same headers and body as any other error', async (t) => {
  const app = await startApp(t)
  await app.listen({ host: '127.0.0.1', port: 0 })
  const { port } = app.server.address() as AddressInfo
  const close = 'Host: x\r\nConnection: close\r\n'
  const ofTutorial = ['unknown path', 'path that is not UTF-8', 'coded body']
  const methods = 'GET, HEAD, POST, PUT, PATCH, DELETE'
  for (const [name, message, status, detail, allow] of [
    ['unknown path', `GET /nowhere HTTP/1.1\r\n${close}\r\n`, 404, 'Not Found'],
    ['path that is not UTF-8', `GET /users/%ff/ HTTP/1.1\r\n${close}\r\n`, 400, 'Bad Request'],
    ['long parameter', `GET /users/${'a'.repeat(1_025)}/ HTTP/1.1\r\n${close}\r\n`, 414, 'URI Too Long'],
    ['raw UTF-8 in the path', `GET /users/\u00e9/ HTTP/1.1\r\n${close}\r\n`, 400, 'Bad Request'],
    ['raw UTF-8 in the query', `GET /livez?\u00e9 HTTP/1.1\r\n${close}\r\n`, 400, 'Bad Request'],
    ['no Host', 'GET /livez HTTP/1.1\r\n\r\n', 400, 'Bad Request'],
    ['two Hosts', 'GET /livez HTTP/1.1\r\nHost: x\r\nhOsT: x\r\n\r\n', 400, 'Bad Request'],
    ['two Hosts in HTTP/1.0', 'GET /livez HTTP/1.0\r\nHost: x\r\nHost: y\r\n\r\n', 400, 'Bad Request'],
    ['two Hosts in one', 'GET /livez HTTP/1.1\r\nHost: x y\r\n\r\n', 400, 'Bad Request'],
    ['a Host with a path', 'GET /livez HTTP/1.1\r\nHost: x/y\r\n\r\n', 400, 'Bad Request'],
    ['header without a colon', 'GET /livez HTTP/1.1\r\nHost x\r\n\r\n', 400, 'Bad Request'],
    ['unknown method', `FETCH /livez HTTP/1.1\r\n${close}\r\n`, 405, 'Method Not Allowed', methods],
    ['RTSP', 'ANNOUNCE /x RTSP/1.0\r\n\r\n', 405, 'Method Not Allowed', methods],
    ['method of RTSP', `DESCRIBE /livez HTTP/1.1\r\n${close}\r\n`, 405, 'Method Not Allowed', methods],
    ['CONNECT', `CONNECT x:1 HTTP/1.1\r\n${close}\r\n`, 405, 'Method Not Allowed', methods],
    [
      'method without a route',
      `MKCOL /livez HTTP/1.1\r\n${close}\r\n`,
      405,
      'Method Not Allowed',
      'GET, HEAD',
    ],
    ['Expect', `GET /livez HTTP/1.1\r\n${close}Expect: x\r\n\r\n`, 417, 'Expectation Failed'],
    [
      'long headers',
      `GET /livez HTTP/1.1\r\n${close}A: ${'a'.repeat(17_000)}\r\n\r\n`,
      431,
      'Request Header Fields Too Large',
    ],
    [
      'coded body',
      `POST /token HTTP/1.1\r\n${close}Content-Encoding: gzip\r\nContent-Length: 1\r\n\r\na`,
      415,
      'Unsupported Media Type',
    ],
  ] as const) {
    const [response, ...others] = await sendWire(port, message)
    t.equal(others.length, 0, name)
    t.equal(response?.status, status, name)
    const code = ofTutorial.includes(name)
      ? {}
      : { code: errorCodes.find((one) => catalogue[one].detail === detail) }
    t.same(JSON.parse(String(response?.body)), { detail, ...code }, name)
    t.match(
      response?.headers,
      Object.fromEntries(Object.entries(safeHeaders).map(([header, value]) => [header, value.toLowerCase()])),
      name,
    )
    t.match(response?.headers, { 'content-type': 'application/json; charset=utf-8', date: String }, name)
    t.equal(response?.headers.connection, 'close', name)
    t.equal(response?.headers.allow, allow?.toLowerCase(), name)
  }
  const one = await sendWire(port, 'GET /livez HTTP/1.0\r\n\r\n')
  t.equal(one[0]?.status, 200, 'HTTP/1.0 needs no Host')
  const empty = await sendWire(port, 'GET /livez HTTP/1.1\r\nHost:\r\nConnection: close\r\n\r\n')
  t.equal(empty[0]?.status, 200, 'and it may be empty')
})

t.test('responses for one caller are not stored by caches', async (t) => {
  const app = await startApp(t)
  const token = await logIn(app, 'johndoe', 'secret')
  for (const path of [
    '/users/me/',
    '/users/me/items/',
    '/users/me/items/Foo',
    '/users/me/events/',
    '/users/',
  ])
    t.equal((await as(app, token).get(path)).headers['cache-control'], 'no-store', path)
  t.equal(
    (await postToken(app, { username: 'johndoe', password: 'secret' })).headers['cache-control'],
    'no-store',
  )
})

t.test('only the configured origins may read responses', async (t) => {
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

t.test('methods without a route are refused', async (t) => {
  const app = await startApp(t)
  for (const method of ['TRACE', 'OPTIONS', 'PROPFIND'] as const) {
    const { statusCode, headers } = await app.inject({ method: method as 'OPTIONS', url: '/users/me/' })
    t.equal(statusCode, 405, method)
    t.match(headers.allow, 'GET')
  }
})

t.test('a body that is not UTF-8 is refused instead of repaired', async (t) => {
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

t.test('a body with a content coding is refused, also in a list', async (t) => {
  const app = await startApp(t)
  const form = { username: 'johndoe', password: 'secret' }
  for (const [coding, status] of [
    ['gzip', 415],
    ['br', 415],
    ['identity, gzip', 415],
    ['"identity"', 415],
    ['Identity', 200],
    ['identity, identity', 200],
    [' , ', 200],
    ['', 200],
  ] as const) {
    const response = await postToken(app, form, { 'content-encoding': coding })
    t.equal(response.statusCode, status, coding)
    if (status === 415) t.equal(response.headers['accept-encoding'], 'identity', coding)
  }
})

t.test('a content coding without content is ignored', async (t) => {
  const app = await startApp(t)
  const gzip = { 'content-encoding': 'gzip' }
  for (const [method, length, status] of [
    ['GET', undefined, 200],
    ['HEAD', undefined, 200],
    ['GET', '0', 200],
    ['GET', '2', 415],
  ] as const) {
    const headers = { ...gzip, ...(length && { 'content-length': length }) }
    t.equal((await app.inject({ method, url: '/docs', headers })).statusCode, status, `${method} ${length}`)
  }
  const chunked = { ...gzip, 'transfer-encoding': 'chunked' }
  t.equal((await app.inject({ url: '/docs', headers: chunked })).statusCode, 415)
  const empty = await app.inject({ method: 'POST', url: '/token', headers: gzip })
  t.equal(empty.statusCode, 422, 'a missing body is reported as missing')
})

t.test('the fields of a form are limited by its size only', async (t) => {
  const app = await startApp(t)
  t.equal((await postToken(app, 'a=1&'.repeat(4_000))).statusCode, 422)
  t.equal((await postToken(app, 'a=1&'.repeat(5_000))).statusCode, 413)
})
