import type { AddressInfo } from 'node:net'
import { connect } from 'node:net'
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

t.test('a response without content has no content type and no content length', async (t) => {
  const app = await startApp(t)
  const authorization = `Bearer ${await logIn(app, 'johndoe', 'secret')}`
  await app.listen({ port: 0, host: '127.0.0.1' })
  const { port } = app.server.address() as AddressInfo
  for (const [line, conditions, status] of [
    ['GET /users/me/items/Foo', 'if-none-match: *\r\n', 304],
    ['GET /.well-known/jwks.json', 'if-none-match: *\r\n', 304],
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
