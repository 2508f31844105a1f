import pg from 'pg'
import t, { type Test } from 'tap'
import { type Service, startService } from '../helpers/service.js'
import { until } from '../helpers/wait.js'
import { type FragileServer, startFragileServer } from './server.js'

const settings = {
  DATABASE_POOL_SIZE: '3',
  DATABASE_TIMEOUT_SECONDS: '4',
  BCRYPT_COST: '4',
  JWT_SECRET: '',
  LOGIN_FAILURES_PER_ACCOUNT_AND_NETWORK: '1000',
}

interface Answer {
  status: number
  body: string
  retryAfter: string | null
}

async function send(service: Service, path: string, init: RequestInit = {}): Promise<Answer> {
  const response = await fetch(`${service.origin}${path}`, { ...init, redirect: 'manual' })
  const retryAfter = response.headers.get('retry-after')
  return { status: response.status, body: await response.text(), retryAfter }
}

const form = (fields: Record<string, string>) => ({ method: 'POST', body: new URLSearchParams(fields) })
const json = (body: object) => ({
  method: 'POST',
  headers: { 'content-type': 'application/json' },
  body: JSON.stringify(body),
})
const bearer = (token: string) => ({ authorization: `Bearer ${token}` })
const unavailable = { status: 503, body: '{"detail":"Service Unavailable"}', retryAfter: '5' }
const unavailableWithCode = {
  ...unavailable,
  body: '{"detail":"Service Unavailable","code":"service_unavailable"}',
}

async function logIn(service: Service): Promise<string> {
  const { body } = await send(service, '/token', form({ username: 'johndoe', password: 'secret' }))
  return (JSON.parse(body) as { access_token: string }).access_token
}

const isReady = async (service: Service) => (await send(service, '/readyz')).status === 200

function addItem(service: Service, token: string, itemId: string): Promise<Answer> {
  const headers = { ...bearer(token), 'content-type': 'application/json' }
  const body = JSON.stringify({ item_id: itemId })
  return send(service, '/users/me/items/', { method: 'POST', headers, body })
}

/** Checks that requests which need no database are answered as usual. */
async function answersWithout(t: Test, service: Service): Promise<void> {
  for (const path of ['/livez', '/docs', '/openapi.json', '/.well-known/oauth-authorization-server'])
    t.equal((await send(service, path)).status, 200, path)
  const refused = await send(service, '/users/me/', { headers: bearer('a.b.c') })
  t.match(refused, { status: 401, body: '{"detail":"Could not validate credentials"}' })
}

/** Checks that all other requests get a 503, also when many come at once. */
async function refusesAll(t: Test, service: Service, token: string): Promise<void> {
  // A cached caller remains valid for a moment.
  await until(async () => (await send(service, '/users/me/', { headers: bearer(token) })).status !== 200)
  const answers = await Promise.all([
    send(service, '/readyz'),
    send(service, '/users/me/', { headers: bearer(token) }),
    send(service, '/users/me/items/', { headers: bearer(token) }),
    send(service, '/token', form({ username: 'johndoe', password: 'secret' })),
    send(service, '/revoke', form({ token: 'unknown' })),
    addItem(service, token, 'lost'),
    send(service, '/account/forgot-password', json({ email: 'johndoe@example.com' })),
    send(service, '/account/forgot-password', json({ email: 'nobody@example.com' })),
    send(service, '/users/', json({ username: 'nobody', password: 'battery staple' })),
    send(service, '/verify', { method: 'PUT', headers: bearer(token) }),
  ])
  for (const { status, retryAfter } of answers)
    t.match({ status, retryAfter }, { status: 503, retryAfter: '5' })
  t.match(answers[1], unavailable)
  const body = '{"detail":"Service Unavailable","code":"service_unavailable"}'
  t.match(answers.at(-1), { ...unavailable, body }, 'whatever the method, it changes nothing')
}

/** Faults that come and go. The service stays up, and neither loses nor invents anything. */
async function survives(t: Test, server: FragileServer, service: Service, token: string, name: string) {
  await until(() => isReady(service))
  t.equal((await send(service, '/users/me/', { headers: bearer(token) })).status, 200)
  t.equal((await addItem(service, token, name)).status, 201)
  t.equal((await server.query(`SELECT FROM items WHERE item_id = '${name}'`)).length, 1)
  t.equal((await server.query("SELECT FROM items WHERE item_id = 'lost'")).length, 0)
  t.equal(service.program.process.exitCode, null)
}

t.test('a service whose database fails', async (t) => {
  const server = await startFragileServer(t, ['max_connections=20'])
  const service = await startService(t, { ...settings, DATABASE_URL: server.url })
  const token = await logIn(service)

  for (const [name, fault, repair] of [
    ['stopped', () => server.stop(), () => server.start()],
    ['killed', () => server.kill(), () => server.start()],
    ['cut off', async () => server.proxy.cut(), async () => server.proxy.open()],
    ['paused', () => server.pause(), async () => server.resume()],
    ['stalled', async () => server.proxy.stall(), async () => server.proxy.open()],
  ] as const)
    await t.test(`with a database that is ${name} answers 503, and recovers`, async (t) => {
      await fault()
      await refusesAll(t, service, token)
      await answersWithout(t, service)
      t.equal((await send(service, '/.well-known/jwks.json')).status, 200, 'from memory')
      await repair()
      await survives(t, server, service, token, name.replace(' ', '-'))
    })

  await t.test('with a read-only database serves reads', async (t) => {
    await server.query('ALTER SYSTEM SET default_transaction_read_only = on')
    await server.query('SELECT pg_reload_conf()')
    const isReadOnly = async () => (await addItem(service, token, 'lost')).status === 503
    await until(isReadOnly)
    t.match(await addItem(service, token, 'lost'), unavailableWithCode)
    t.match(await send(service, '/token', form({ username: 'johndoe', password: 'secret' })), { status: 503 })
    t.equal((await send(service, '/users/me/', { headers: bearer(token) })).status, 200)
    await server.query('ALTER SYSTEM RESET default_transaction_read_only')
    await server.query('SELECT pg_reload_conf()')
    await until(async () => !(await isReadOnly()))
    await server.query("DELETE FROM items WHERE item_id = 'lost'")
    await survives(t, server, service, token, 'read-only')
  })

  await t.test('waits for a database that accepts no more connections', async (t) => {
    const occupants = await occupyAll(t, server)
    await until(async () => (await send(service, '/users/me/', { headers: bearer(token) })).status === 503)
    await answersWithout(t, service)
    await Promise.all(occupants.map((client) => client.end()))
    await survives(t, server, service, token, 'connections')
  })

  t.notMatch(
    service.program.stdout,
    '"level":50',
    'no failure of the database is logged as an error of the service',
  )
  t.notMatch(service.program.stdout, 'invocation', "nor in the words of Prisma's client")
  const outages = service.program.stdout.match(/the database is unavailable/g) ?? []
  const recoveries = service.program.stdout.match(/the database is available again/g) ?? []
  t.ok(outages.length <= recoveries.length + 1, 'an outage is one line, however many requests fail')
})

t.test('a service that starts before its database waits for it', async (t) => {
  const server = await startFragileServer(t)
  const { proxy } = server
  proxy.cut()
  const service = await startService(t, { ...settings, DATABASE_URL: server.url })
  await answersWithout(t, service)
  t.match(await send(service, '/readyz'), unavailableWithCode)
  t.match(await send(service, '/.well-known/jwks.json'), unavailableWithCode)
  t.equal((await send(service, '/token', form({ username: 'johndoe', password: 'secret' }))).status, 503)
  await service.program.prints('the database is unavailable')
  proxy.open()
  await until(() => isReady(service))
  t.type(await logIn(service), 'string')
})

/** Takes all connections of the server. The service is cut off meanwhile, as it would take those that it loses again. */
async function occupyAll(t: Test, server: FragileServer): Promise<pg.Client[]> {
  server.proxy.cut()
  const first = await connectOccupant(t, server)
  await until(async () => {
    const { rowCount } = await first.query(
      "SELECT FROM pg_stat_activity WHERE application_name <> 'occupant' AND backend_type = 'client backend'",
    )
    return rowCount === 0
  })
  const occupants = [first]
  for (;;)
    try {
      occupants.push(await connectOccupant(t, server))
    } catch {
      break
    }
  server.proxy.open()
  return occupants
}

async function connectOccupant(t: Test, server: FragileServer): Promise<pg.Client> {
  const client = new pg.Client({ connectionString: server.directUrl, application_name: 'occupant' })
  client.on('error', () => {})
  await client.connect()
  t.teardown(() => client.end().catch(() => {}))
  return client
}
