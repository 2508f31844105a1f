import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { connect } from 'node:net'
import fastify from 'fastify'
import t from 'tap'
import { catalogue, errorCodes } from '../src/errors.js'
import { handleError } from '../src/http/error-handler.js'
import { createMetrics } from '../src/metrics/index.js'
import { logIn, startApp } from './helpers/app.js'
import { as } from './helpers/client.js'
import { cloneDatabase } from './helpers/database.js'
import { startProxy } from './helpers/proxy.js'
import { startService } from './helpers/service.js'

async function sendRaw(port: number, text: string): Promise<string> {
  const socket = connect(port, '127.0.0.1')
  let answer = ''
  socket.setEncoding('latin1').on('data', (chunk: string) => {
    answer += chunk
  })
  socket.end(text, 'latin1')
  await once(socket, 'close')
  return answer
}

t.test('every code is documented with its status', async (t) => {
  const rows = readFileSync('docs/errors.md', 'utf8').matchAll(/^\| `(\w+)` \| (\d+) \| \S/gm)
  t.same(
    [...rows].map(([, code, status]) => [code, Number(status)]),
    errorCodes.map((code) => [code, catalogue[code].status]),
  )
})

t.test('a malformed HTTP request gets an error response', async (t) => {
  const { port, program } = await startService(t)
  for (const [name, text, status, body] of [
    [
      '100 KB of Authorization',
      `GET /users/me/ HTTP/1.1\r\nAuthorization: Bearer ${'a'.repeat(100_000)}\r\n\r\n`,
      431,
      { detail: 'Request Header Fields Too Large', code: 'header_too_large' },
    ],
    [
      'an unknown verb',
      'FETCH /token HTTP/1.1\r\nHost: x\r\n\r\n',
      405,
      { detail: 'Method Not Allowed', code: 'method_not_allowed' },
    ],
    ['garbage', 'garbage\r\n\r\n', 405, { detail: 'Method Not Allowed', code: 'method_not_allowed' }],
    [
      'a header without a colon',
      'GET /livez HTTP/1.1\r\nHost x\r\n\r\n',
      400,
      { detail: 'Bad Request', code: 'malformed_request' },
    ],
    [
      'a path that is not UTF-8',
      'GET /%ff HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n',
      400,
      { detail: 'Bad Request' },
    ],
  ] as const) {
    const answer = await sendRaw(port, text)
    t.match(answer, new RegExp(`^HTTP/1\\.1 ${status} `), name)
    t.match(answer, `\r\n\r\n${JSON.stringify(body)}`, name)
  }
  t.notMatch(program.stdout, /stack/, 'no stack trace is logged')
})

t.test('an unexpected error is logged, and its response reveals nothing', async (t) => {
  const lines: string[] = []
  const app = fastify({ logger: { level: 'error', stream: { write: (line: string) => lines.push(line) } } })
  app.decorateRequest('isOAuthRequest', false)
  app.decorateRequest('errorCode', null)
  app.decorate('metrics', createMetrics())
  app.setErrorHandler(handleError)
  app.get('/bug', async () => {
    throw new Error('canary')
  })
  app.get('/no-error', async () => {
    throw 'canary'
  })
  app.post(
    '/typed',
    {
      schema: { body: { type: 'object', properties: { a: { type: 'array', items: { type: 'integer' } } } } },
    },
    async () => 'ok',
  )
  t.teardown(() => app.close())

  for (const url of ['/bug', '/no-error']) {
    const response = await app.inject(url)
    t.equal(response.statusCode, 500)
    t.equal(response.body, '{"detail":"Internal Server Error","code":"internal_error"}')
  }
  t.equal(lines.length, 2)
  t.match(lines[0], /canary/)

  const invalid = await app.inject({ method: 'POST', url: '/typed', payload: { a: ['canary'] } })
  t.equal(invalid.statusCode, 422)
  t.same(invalid.json(), {
    detail: [{ type: 'type', loc: ['body', 'a', '0'], msg: 'must be integer', input: null }],
    code: 'invalid_input',
  })
})

t.test('while the database is unavailable', async (t) => {
  const proxy = await startProxy(t, await cloneDatabase(t))
  const app = await startApp(t, {}, proxy.url)
  await proxy.close()
  t.equal((await app.inject('/livez')).statusCode, 200, 'the process is live')
  t.equal((await app.inject('/openapi.json')).statusCode, 200, 'the document is served')
  t.equal((await as(app, 'garbage').get('/users/me/')).statusCode, 401, 'a bad token is refused')
  for (const answer of [
    await app.inject('/readyz'),
    await app.inject({
      method: 'POST',
      url: '/token',
      headers: { 'content-type': 'application/x-www-form-urlencoded' },
      payload: 'grant_type=password&username=johndoe&password=secret',
    }),
  ]) {
    t.equal(answer.statusCode, 503)
    t.equal(answer.headers['retry-after'], '5')
    t.match(answer.json(), { detail: 'Service Unavailable' })
  }
})

t.test('the service uses a restarted database without a restart of its own', async (t) => {
  const app = await startApp(t)
  const token = await logIn(app, 'johndoe', 'secret')
  await app.database.$queryRaw`
    SELECT pg_terminate_backend(pid) FROM pg_stat_activity
    WHERE datname = current_database() AND pid <> pg_backend_pid()`.catch(() => {})
  t.equal((await as(app, token).get('/users/me/')).statusCode, 200)
})
