import { Writable } from 'node:stream'
import fastify, { LogController } from 'fastify'
import t, { type Test } from 'tap'
import { loadConfig } from '../../../src/config/index.js'
import { loggerOptions } from '../../../src/http/log/options.js'
import { createRequestLogger } from '../../../src/http/log/request-logger.js'
import { startService } from '../../helpers/service.js'
import { until } from '../../helpers/wait.js'
import { openWire, sendWire } from '../../helpers/wire.js'

t.test('requests are logged with an id, and without query, headers and body', async (t) => {
  const { origin, program } = await startService(t, { LOG_LEVEL: 'trace' })
  const canary = 'canary-7f3a'
  await fetch(`${origin}/token?password=${canary}`, {
    method: 'POST',
    headers: { authorization: `Basic ${canary}`, cookie: canary },
    body: new URLSearchParams({ username: 'johndoe', password: canary, client_secret: canary }),
  })
  await fetch(`${origin}/users/me/?access_token=${canary}`, {
    headers: { authorization: `Bearer ${canary}` },
  })
  await program.prints('"statusCode":401')
  program.process.kill('SIGTERM')
  await program.ends()
  t.match(program.stdout, /"reqId":"[0-9a-f-]{36}"/)
  t.match(program.stdout, '"path":"/token"')
  t.notMatch(program.stdout + program.stderr, canary)
})

t.test('a request whose client disconnects is logged too', async (t) => {
  const { origin, program } = await startService(t, { BCRYPT_COST: '12', LOG_LEVEL: 'debug' })
  const leaving = new AbortController()
  const body = new URLSearchParams({ username: 'johndoe', password: 'secret' })
  const request = fetch(`${origin}/token`, { method: 'POST', body, signal: leaving.signal })
  await program.prints('incoming request')
  leaving.abort()
  await t.rejects(request)
  await program.prints('request aborted')
})

t.test('a malformed or aborted request is logged in one line at debug, with the reason', async (t) => {
  const { port, program } = await startService(t, { LOG_LEVEL: 'debug' })
  const lines = () => program.stdout.split('\n').filter((line) => /refused|aborted|unavailable/.test(line))
  const head = 'POST /token HTTP/1.1\r\nHost: x\r\nContent-Type: application/x-www-form-urlencoded\r\n'
  for (const [text, line] of [
    ['ANNOUNCE /x RTSP/1.0\r\n\r\n', { reason: 'the method ANNOUNCE', statusCode: 405 }],
    ['BAD\x01\r\n\r\n', { reason: /Invalid method/, statusCode: 405 }],
    ['GET /users/%ff/ HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n', { code: 'FST_ERR_BAD_URL' }],
    [`${head}Transfer-Encoding: chunked\r\n\r\nZZ\r\n`, { reason: /chunk size/, statusCode: 400 }],
  ] as const) {
    const known = lines().length
    await sendWire(port, text)
    await until(() => lines().length > known)
    t.match(JSON.parse(String(lines()[known])), { level: 20, ...line })
  }
  const leaving = openWire(port, `${head}Content-Length: 999\r\n\r\n`)
  const known = lines().length
  await until(() => (program.stdout.match(/"incoming request"/g) ?? []).length >= 2)
  leaving.socket.resetAndDestroy()
  await until(() => lines().length >= known + 2)
  t.notMatch(program.stdout, /unavailable|fastify bug|"level":[3456]0,"[^}]*(reason|err)/)
  t.notMatch(program.stdout.slice(program.stdout.indexOf('Server listening')), '"level":40')
  t.equal(program.stderr, '')
})

t.test('the lines of a request and of its child loggers have the id of the request', async (t) => {
  const lines: string[] = []
  const stream = { write: (line: string) => lines.push(line) }
  const app = fastify({
    logger: { ...loggerOptions(loadConfig({ LOG_LEVEL: 'trace' })), stream },
    logController: new LogController({ disableRequestLogging: true }),
    childLoggerFactory: createRequestLogger,
    genReqId: () => 'the-id',
  })
  t.teardown(() => app.close())
  const levels = ['fatal', 'error', 'warn', 'info', 'debug', 'trace'] as const
  app.get('/', async function logAll({ log }) {
    for (const level of levels) log[level]({ password: 'canary' }, `at ${level}`)
    log.silent('at silent')
    log.child({ part: 'child' }).info('from a child')
    return log.level
  })
  t.equal((await app.inject('/')).body, 'trace')
  t.match(
    lines.map((line) => JSON.parse(line) as object),
    [...levels.map((level) => ({ reqId: 'the-id', msg: `at ${level}` })), { reqId: 'the-id', part: 'child' }],
  )
  t.equal(lines.length, levels.length + 1)
  t.notMatch(lines.join(), 'canary')
})

/** Starts an app that only logs. Returns it with a function that returns its log. */
function startLogging(t: Test, format: string) {
  const lines: string[] = []
  const stream = new Writable({
    write(chunk, _encoding, done) {
      lines.push(String(chunk))
      done()
    },
  })
  const app = fastify({ logger: { ...loggerOptions(loadConfig({ LOG_FORMAT: format })), stream } })
  t.teardown(() => app.close())
  return { app, log: () => lines.join('') }
}

t.test('a secret that is logged by mistake is redacted', async (t) => {
  const { app, log } = startLogging(t, 'json')
  app.log.info({
    password: 'canary',
    headers: { authorization: 'canary' },
    proxied: { headers: { cookie: 'canary' } },
  })
  app.log.info({ body: { client_secret: 'canary', access_token: 'canary', refresh_token: 'canary' } })
  t.match(log(), '[Redacted]')
  t.notMatch(log(), 'canary')
})

for (const format of ['json', 'ecs'])
  t.test(`an error of the database is logged without the row that it concerns, in ${format}`, async (t) => {
    const { app, log } = startLogging(t, format)
    const fields = { code: '23514', detail: 'Failing row contains (canary).', where: 'PL/pgSQL: canary' }
    const meta = { driverAdapterError: { name: 'DriverAdapterError', cause: fields } }
    const message = 'new row violates a check'
    for (const members of [fields, { code: 'P2039', meta }])
      app.log.error({ err: Object.assign(new Error(message), members) }, 'request failed')
    for (const logged of [message, '23514', 'P2039']) t.match(log(), logged)
    t.notMatch(log(), 'canary')
  })
