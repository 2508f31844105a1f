import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { Agent, get } from 'node:http'
import { connect } from 'node:net'
import { join } from 'node:path'
import t from 'tap'
import { canOpen } from '../../src/http/health.js'
import { startApp } from '../helpers/app.js'
import { stopMonotonicClock } from '../helpers/clock.js'
import { cloneDatabase } from '../helpers/database.js'

t.test('with an up-to-date database the service is live and ready', async (t) => {
  const app = await startApp(t)
  for (const url of ['/livez', '/readyz']) {
    const response = await app.inject(url)
    t.equal(response.statusCode, 200, url)
    t.equal(response.body, '{"status":"ok"}', url)
  }
})

t.test('with a database without the schema it is live but not ready', async (t) => {
  const app = await startApp(t)
  await app.database.$executeRaw`DROP SCHEMA public CASCADE`
  t.equal((await app.inject('/livez')).statusCode, 200)
  t.equal((await app.inject('/readyz')).statusCode, 503)
})

t.test('with a database that lacks the last migration it is not ready', async (t) => {
  const app = await startApp(t)
  await app.database.$executeRaw`UPDATE _prisma_migrations SET finished_at = NULL`
  const response = await app.inject('/readyz')
  t.equal(response.statusCode, 503)
  t.equal(response.body, '{"detail":"Service Unavailable","code":"service_unavailable"}')
})

t.test('without the data of its database it is not ready', async (t) => {
  const app = await startApp(t, {}, undefined, { server: { isIntact: async () => false } })
  const clock = stopMonotonicClock(t)
  const warn = t.capture(app.log, 'warn')
  for (let seconds = 0; seconds < 90; seconds += 30) {
    t.equal((await app.inject('/readyz')).statusCode, 503)
    clock.advance(30_000)
  }
  const line = [{ reason: 'the data of the embedded PostgreSQL have been removed' }, 'not ready']
  t.same(
    warn().map(({ args }) => args),
    [line, line],
    'once a minute',
  )
})

t.test('with a table of migrations that cannot be read it is not ready', async (t) => {
  const app = await startApp(t)
  await app.database.$executeRaw`ALTER TABLE _prisma_migrations RENAME finished_at TO ended_at`
  const warn = t.capture(app.log, 'warn')
  t.equal((await app.inject('/readyz')).statusCode, 503)
  t.match(warn().at(-1)?.args, [{ reason: /finished_at/ }, 'not ready'])
})

t.test('a process without free file descriptors is not ready', async (t) => {
  t.equal(canOpen(), true)
  t.equal(canOpen(join(import.meta.dirname, 'absent')), false)

  const descriptors = 64
  const program = 'dist/src/server.js'
  const child = spawn('sh', ['-c', `ulimit -n ${descriptors} && exec "$0" "$1"`, process.execPath, program], {
    env: { PATH: process.env.PATH, PORT: '0', DATABASE_URL: await cloneDatabase(t) },
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  t.teardown(async () => {
    child.kill('SIGTERM')
    if (child.exitCode === null) await once(child, 'close')
  })
  let output = ''
  while (!output.includes('Server listening at')) output += (await once(child.stdout, 'data'))[0]
  child.stdout.resume()
  const port = Number(/127\.0\.0\.1:(\d+)/.exec(output)?.[1])

  // Once the descriptors are used up, only a connection that is already open can send requests.
  const agent = new Agent({ keepAlive: true, maxSockets: 1 })
  t.teardown(() => agent.destroy())
  const readiness = async () => {
    const [response] = (await once(get({ port, path: '/readyz', agent }), 'response')) as [
      NodeJS.ReadableStream & { statusCode: number },
    ]
    response.resume()
    await once(response, 'end')
    return response.statusCode
  }
  while ((await readiness()) !== 200);
  const sockets = Array.from({ length: descriptors }, () => connect(port, '127.0.0.1').on('error', () => {}))
  while ((await readiness()) !== 503);
  t.pass('not ready')
  for (const socket of sockets) socket.destroy()
  while ((await readiness()) !== 200);
  t.pass('ready again')
})
