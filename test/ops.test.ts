import t from 'tap'
import { startApp } from './helpers/app.js'

t.test('with the schema in place the service is alive and ready', async (t) => {
  const app = await startApp(t)
  for (const url of ['/livez', '/readyz']) {
    const response = await app.inject(url)
    t.equal(response.statusCode, 200, url)
    t.equal(response.body, '{"status":"ok"}', url)
  }
})

t.test('over a database without the schema it is alive and not ready', async (t) => {
  const app = await startApp(t)
  await app.database.$executeRaw`DROP SCHEMA public CASCADE`
  t.equal((await app.inject('/livez')).statusCode, 200)
  t.equal((await app.inject('/readyz')).statusCode, 503)
})

t.test('over a database that lacks the last migration it is not ready', async (t) => {
  const app = await startApp(t)
  await app.database.$executeRaw`UPDATE _prisma_migrations SET finished_at = NULL`
  const response = await app.inject('/readyz')
  t.equal(response.statusCode, 503)
  t.equal(response.body, '{"detail":"Service Unavailable"}')
})
