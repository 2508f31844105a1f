import { readFileSync } from 'node:fs'
import fastify, { LogController } from 'fastify'
import t from 'tap'
import { loadConfig } from '../../../src/config/index.js'
import { formatOf, loggerOptions } from '../../../src/http/log/options.js'
import { createRequestLogger } from '../../../src/http/log/request-logger.js'
import { startCollector } from '../../helpers/collector.js'
import { startService } from '../../helpers/service.js'
import { beginTrace } from '../../helpers/tracing.js'
import { until } from '../../helpers/wait.js'
import { openWire } from '../../helpers/wire.js'

type Line = Record<string, unknown>

/** Names of the members by format, as the table in docs/logs.md has them. */
const documented = [...readFileSync('docs/logs.md', 'utf8').matchAll(/^\|(.*?)\|(.*?)\|.*\|$/gm)].map(
  ([, json, ecs]) => ({ json: namesIn(json), ecs: namesIn(ecs) }),
)

function namesIn(cell = ''): string[] {
  return [...cell.matchAll(/`([^`]+)`/g)].map(([, name]) => String(name))
}

const namesOf = (format: 'json' | 'ecs') => documented.flatMap((row) => row[format])

const forDevelopers = /^$|^Latchkey is ready\.$|^ {2}(Open|Try it|Log in|Mail|Stop) {2}/

/** Returns the lines that the service writes about some requests, and what the requests got. */
async function collectLines(t: Parameters<typeof startService>[0], settings: Record<string, string>) {
  const collector = await startCollector(t)
  const service = await startService(t, {
    LOG_LEVEL: 'debug',
    BCRYPT_COST: '4',
    OTEL_EXPORTER_OTLP_ENDPOINT: collector.url,
    OTEL_SERVICE_NAME: 'login',
    OTEL_PROPAGATORS: 'b3',
    ...settings,
  })
  const { origin, port, program } = service
  const texts = () => program.stdout.split('\n').filter((line) => !forDevelopers.test(line))
  const trace = beginTrace()
  const body = new URLSearchParams({ grant_type: 'password', username: 'johndoe', password: 'secret' })
  const login = await fetch(`${origin}/token`, { method: 'POST', body, headers: trace.headers })
  const { access_token } = (await login.json()) as { access_token: string }
  const headers = { authorization: `Bearer ${access_token}` }
  for (const path of ['/users/me/?x=1', '/users/johndoe/items/', '/verify', '/nowhere', '/livez'])
    await (await fetch(`${origin}${path}`, { headers })).text()
  await (
    await fetch(`${origin}/token`, {
      method: 'POST',
      body: new URLSearchParams({ username: 'x', password: 'y' }),
    })
  ).text()
  const leaving = openWire(port, 'POST /token HTTP/1.1\r\nHost: x\r\nContent-Length: 999\r\n\r\n')
  await until(() => (program.stdout.match(/incoming request/g) ?? []).length >= 8)
  leaving.socket.resetAndDestroy()
  await program.prints('request aborted')
  program.process.kill('SIGTERM')
  t.equal(await program.ends(), 0)
  const lines = texts().map((text) => JSON.parse(text) as Line)
  t.same(
    lines.map((line) => JSON.stringify(line)),
    texts(),
    'no line has a member twice',
  )
  return { lines, trace, collector }
}

t.test("a request is one line, with its route, caller and span, in pino's names by default", async (t) => {
  const { lines, trace, collector } = await collectLines(t, {})
  const completed = lines.filter(({ msg }) => msg === 'request completed')
  const [login, profile, items, verified, nowhere, probe, failed] = completed
  t.match(login, {
    level: 30,
    method: 'POST',
    route: '/token',
    path: '/token',
    remoteAddress: '127.0.0.1',
    statusCode: 200,
    responseTime: Number,
    subject: /^[\w-]{22}$/,
    clientId: /^[\w-]+$/,
    trace_id: trace.traceId,
    span_id: /^[\da-f]{16}$/,
    reqId: /^[\da-f-]{36}$/,
  })
  t.match(profile, {
    route: '/users/me/',
    path: '/users/me/',
    subject: login?.subject,
    clientId: login?.clientId,
  })
  t.match(items, { route: '/users/:username/items/', subject: login?.subject })
  t.notOk('path' in (items as Line), 'a path with the name of a user is not logged')
  t.match(verified, { route: '/verify', subject: login?.subject, statusCode: 204 })
  t.match(nowhere, { path: '/nowhere', statusCode: 404 })
  t.match(probe, { level: 20, route: '/livez' })
  t.notOk('trace_id' in (probe as Line), 'a probe is not traced')
  t.match(failed, { statusCode: 401, clientId: login?.clientId })
  t.notOk('subject' in (failed as Line), 'a failed login has no subject')
  t.match(
    lines.find(({ msg }) => msg === 'request refused'),
    { trace_id: /./, span_id: /./ },
  )
  t.match(
    lines.find(({ msg }) => msg === 'request aborted'),
    { route: '/token', trace_id: /./ },
  )
  t.match(
    lines.find(({ msg }) => /^OTEL_PROPAGATORS has no effect/.test(String(msg))),
    { level: 40 },
  )
  const server = collector.spans.find(({ traceId, kind }) => traceId === trace.traceId && kind === 2)
  t.equal(login?.span_id, server?.spanId)
  t.match(collector.resource, { 'service.name': 'login' })
  const names = new Set(lines.flatMap((line) => Object.keys(line)))
  for (const name of names) t.ok(namesOf('json').includes(name), `${name} is documented`)
})

t.test('with LOG_FORMAT=ecs it has the names of the Elastic Common Schema', async (t) => {
  const { lines, trace } = await collectLines(t, { LOG_FORMAT: 'ecs' })
  const completed = lines.filter(({ message }) => message === 'request completed')
  const [login, , items] = completed
  t.match(login, {
    '@timestamp': /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/,
    'log.level': 'info',
    'ecs.version': /^8\./,
    'service.name': 'login',
    'service.version': /^\d/,
    'process.pid': Number,
    'host.hostname': String,
    'http.request.id': /^[\da-f-]{36}$/,
    'http.request.method': 'POST',
    'url.path': '/token',
    'latchkey.route': '/token',
    'client.ip': '127.0.0.1',
    'http.response.status_code': 200,
    'event.duration': Number,
    'user.hash': /^[\w-]{22}$/,
    'latchkey.client_id': /^[\w-]+$/,
    'trace.id': trace.traceId,
    'span.id': /^[\da-f]{16}$/,
  })
  t.ok(Number.isInteger(login?.['event.duration']), 'a whole number of nanoseconds')
  t.match(items, { 'latchkey.route': '/users/:username/items/', 'user.hash': login?.['user.hash'] })
  t.match(
    lines.find(({ message }) => message === 'request refused'),
    {
      'log.level': 'debug',
      'http.request.id': /./,
      'error.code': /./,
      'trace.id': /./,
    },
  )
  for (const line of lines) {
    t.type(line.message, 'string')
    for (const name of Object.keys(line)) t.ok(namesOf('ecs').includes(name), `${name} is documented`)
  }
})

/** Returns the lines that a logger writes about faults and events. */
async function logEvents(settings: Record<string, string>): Promise<Line[]> {
  const lines: Line[] = []
  const stream = { write: (line: string) => lines.push(JSON.parse(line) as Line) }
  const config = loadConfig(settings)
  const app = fastify({
    logger: { ...loggerOptions(config), stream },
    logController: new LogController({
      disableRequestLogging: true,
      requestIdLogLabel: formatOf(config).requestIdLabel,
    }),
    childLoggerFactory: createRequestLogger,
    genReqId: () => 'the id',
  })
  app.get('/:name', async (request) => {
    request.log.error({ err: Object.assign(new TypeError('broken'), { code: 'E_BROKEN' }) }, 'failed')
    request.log.warn({ reason: 'why', code: 'conflict', statusCode: 409, remoteAddress: '::1' }, 'refused')
    app.log.error(new Error('alone'))
    app.log.info({ req: request }, 'arrived')
    app.log.warn({ problem: 'x', password: 'canary', headers: { authorization: 'canary' } }, 'event')
    app.log.warn({ details: { headers: { cookie: 'canary' } } }, 'another event')
    app.log.info('text')
    return ''
  })
  await app.inject('/johndoe')
  await app.close()
  return lines
}

t.test('faults and events have the same members in every line, and no secret', async (t) => {
  const lines = await logEvents({})
  t.match(lines, [
    { reqId: 'the id', err: { type: 'TypeError', message: 'broken', stack: String, code: 'E_BROKEN' } },
    { reqId: 'the id', reason: 'why', code: 'conflict', statusCode: 409, remoteAddress: '::1' },
    { err: { message: 'alone' }, msg: 'alone' },
    { msg: 'arrived', req: { method: 'GET', route: '/:name' } },
    { problem: 'x', password: '[Redacted]', headers: { authorization: '[Redacted]' } },
    { details: { headers: { cookie: '[Redacted]' } } },
    { msg: 'text' },
  ])
  t.notMatch(JSON.stringify(lines), /canary|johndoe/)
})

t.test('they fit the Elastic Common Schema too', async (t) => {
  const lines = await logEvents({ LOG_FORMAT: 'ecs' })
  t.match(lines, [
    {
      'http.request.id': 'the id',
      'error.type': 'TypeError',
      'error.message': 'broken',
      'error.code': 'E_BROKEN',
      'error.stack_trace': /^TypeError: broken\n/,
      message: 'failed',
    },
    {
      'error.message': 'why',
      'error.code': 'conflict',
      'http.response.status_code': 409,
      'client.ip': '::1',
    },
    { 'error.message': 'alone', message: 'alone' },
    { 'http.request.method': 'GET', 'latchkey.route': '/:name' },
    { latchkey: { problem: 'x', password: '[Redacted]', headers: { authorization: '[Redacted]' } } },
    { latchkey: { details: { headers: { cookie: '[Redacted]' } } } },
    { message: 'text' },
  ])
  t.notMatch(JSON.stringify(lines), /canary|johndoe/)
  const names = new Set(lines.flatMap((line) => Object.keys(line)))
  for (const name of names) t.ok(namesOf('ecs').includes(name), `${name} is documented`)
})
