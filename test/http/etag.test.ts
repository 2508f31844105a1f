import { subscribe, unsubscribe } from 'node:diagnostics_channel'
import { type AddressInfo, connect } from 'node:net'
import type { FastifyInstance } from 'fastify'
import t from 'tap'
import { isUnchanged, requirePreconditions } from '../../src/http/etag.js'
import { logIn, startApp } from '../helpers/app.js'

const etag = '"a.1"'

/** Fields, and whether they match the entity tag by strong and by weak comparison. */
const fields: [string, boolean, boolean][] = [
  ['"a.1"', true, true],
  ['W/"a.1"', false, true],
  ['*', true, true],
  [' * ', true, true],
  ['"x", "a.1"', true, true],
  ['"x" ,\t"a.1" , ', true, true],
  [', ,"x",,"a.1",', true, true],
  ['W/"a.1", "a.1"', true, true],
  ['"x,y", W/"a.1"', false, true],
  ['"é", "a.1"', true, true],
  ['"", "a.1"', true, true],
  ['"a,*,b"', false, false],
  ['"a, "a.1", b"', false, false],
  ['"x,"a.1""', false, false],
  ['"x", *', false, false],
  ['*, "a.1"', false, false],
  ['**', false, false],
  ['a.1', false, false],
  ['"a.1', false, false],
  ['a.1"', false, false],
  ['"a.1"x', false, false],
  ['"a.1" "x"', false, false],
  ['w/"a.1"', false, false],
  ['W/ "a.1"', false, false],
  ['W/W/"a.1"', false, false],
  ['"A.1"', false, false],
  ['"a 1"', false, false],
  ['""', false, false],
  [',', false, false],
  ['', false, false],
]

/** Returns whether a check accepts a request. */
function passes(check: () => void): boolean {
  try {
    check()
    return true
  } catch {
    return false
  }
}

t.test('entity tags are compared as RFC 9110 defines', async (t) => {
  for (const [field, strong, weak] of fields) {
    t.equal(isUnchanged({ 'if-none-match': field }, etag), weak, `GET, If-None-Match: ${field}`)
    t.equal(
      passes(() => isUnchanged({ 'if-match': field }, etag)),
      strong,
      `GET, If-Match: ${field}`,
    )
    t.equal(
      passes(() => requirePreconditions({ 'if-match': field }, etag, true)),
      strong,
      `If-Match: ${field}`,
    )
    t.equal(
      passes(() => requirePreconditions({ 'if-none-match': field }, etag, true)),
      !weak,
      `If-None-Match: ${field}`,
    )
    t.notOk(
      passes(() => requirePreconditions({ 'if-match': field }, null, false)),
      'a resource that does not exist matches nothing',
    )
    t.ok(passes(() => requirePreconditions({ 'if-none-match': field }, null, false)))
  }
})

t.test('a GET evaluates If-Match, then If-None-Match', async (t) => {
  const app = await startApp(t)
  const authorization = `Bearer ${await logIn(app, 'johndoe', 'secret')}`
  const url = '/users/me/items/Foo'
  const current = String((await app.inject({ url, headers: { authorization } })).headers.etag)
  for (const [conditions, status] of [
    [{ 'if-match': current }, 200],
    [{ 'if-match': '*' }, 200],
    [{ 'if-match': '"x"' }, 412],
    [{ 'if-match': '"a,*,b"' }, 412],
    [{ 'if-match': `W/${current}` }, 412],
    [{ 'if-match': current, 'if-none-match': current }, 304],
    [{ 'if-match': '"x"', 'if-none-match': current }, 412],
    [{ 'if-none-match': '"a,*,b"' }, 200],
  ] as const)
    t.equal(
      (await app.inject({ url, headers: { authorization, ...conditions } })).statusCode,
      status,
      JSON.stringify(conditions),
    )
})

/** Returns the paths of all GET routes of an app that `start` starts. */
async function startWithPaths(start: () => Promise<FastifyInstance>) {
  const paths = new Set<string>()
  function watch(message: unknown): void {
    ;(message as { fastify: FastifyInstance }).fastify.addHook('onRoute', ({ method, url }) => {
      if ([method].flat().includes('GET')) paths.add(url)
    })
  }
  subscribe('fastify.initialization', watch)
  const app = await start().finally(() => unsubscribe('fastify.initialization', watch))
  return { app, paths: [...paths] }
}

t.test('every GET route with an entity tag answers a conditional HEAD as a conditional GET', async (t) => {
  const { app, paths } = await startWithPaths(() => startApp(t))
  const authorization = `Bearer ${await logIn(app, 'johndoe', 'secret')}`
  const tagged: string[] = []
  for (const path of paths) {
    const url = path.replace(':username', 'johndoe').replace(/:item_id.*/, 'Foo')
    const send = (method: 'GET' | 'HEAD', conditions = {}) =>
      app.inject({ method, url, headers: { authorization, ...conditions } })
    const plain = await send('GET')
    const head = await send('HEAD')
    t.equal(head.statusCode, plain.statusCode, path)
    const { etag } = plain.headers
    if (etag === undefined) continue
    tagged.push(url)
    t.match(head.headers, { etag, 'content-length': String(plain.rawPayload.length) }, path)
    for (const [conditions, status] of [
      [{ 'if-none-match': '*' }, 304],
      [{ 'if-none-match': String(etag) }, 304],
      [{ 'if-none-match': '"x"' }, 200],
      [{ 'if-match': '"x"' }, 412],
    ] as const) {
      const [get, head] = [await send('GET', conditions), await send('HEAD', conditions)]
      const what = `${path} ${JSON.stringify(conditions)}`
      t.equal(get.statusCode, status, what)
      t.equal(head.statusCode, status, what)
      t.equal(head.body, '', what)
      if (status !== 304) continue
      for (const { headers } of [get, head])
        t.notOk('content-length' in headers || 'content-type' in headers, what)
    }
  }
  for (const path of ['/docs', '/openapi.json', '/.well-known/jwks.json', '/users/johndoe/items/Foo'])
    t.ok(tagged.includes(path), path)
})

t.test('a response without content has no content type and no content length', async (t) => {
  const app = await startApp(t)
  const authorization = `Bearer ${await logIn(app, 'johndoe', 'secret')}`
  await app.listen({ port: 0, host: '127.0.0.1' })
  const { port } = app.server.address() as AddressInfo
  for (const [line, conditions, status] of [
    ['GET /users/me/items/Foo', 'if-none-match: *\r\n', 304],
    ['GET /.well-known/jwks.json', 'if-none-match: *\r\n', 304],
    ['HEAD /users/me/items/Foo', 'if-none-match: *\r\n', 304],
    ['HEAD /docs', 'if-none-match: *\r\n', 304],
    ['DELETE /users/me/items/Foo', 'content-type: application/json\r\n', 204],
  ] as const) {
    const socket = connect(port, '127.0.0.1').setEncoding('latin1')
    socket.write(
      `${line} HTTP/1.1\r\nhost: x\r\nauthorization: ${authorization}\r\n${conditions}connection: close\r\n\r\n`,
    )
    let answer = ''
    for await (const text of socket) answer += text
    t.match(answer, new RegExp(`^HTTP/1\\.1 ${status} `), line)
    t.notMatch(answer, /^(content-length|content-type|transfer-encoding):/im)
    t.ok(answer.endsWith('\r\n\r\n'), 'nothing follows the headers')
  }
})
