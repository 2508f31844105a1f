import type { FastifyInstance } from 'fastify'
import t, { type Test } from 'tap'
import { startApp, untilConnected } from '../../helpers/app.js'
import { clonePlainDatabase } from '../../helpers/database.js'
import { startNotificationDropper } from '../../helpers/pooler.js'
import { startProxy } from '../../helpers/proxy.js'
import { revokedIn, revokeEntries, storeList } from '../../helpers/status-lists.js'
import { until } from '../../helpers/wait.js'

// Replicas follow the change feed, and say so when they cannot.

/** Starts a replica. @param feedUrl database or proxy from which it receives changes */
async function startReplica(t: Test, url: string, feedUrl = url): Promise<FastifyInstance> {
  const settings = { JWT_SECRET: '', DATABASE_URL: url, DATABASE_DIRECT_URL: feedUrl }
  const app = await startApp(t, settings, url)
  await app.ready()
  return app
}

t.test('all replicas give a list the same entity tag', async (t) => {
  const url = await clonePlainDatabase(t)
  const [one, other] = [await startReplica(t, url), await startReplica(t, url)]
  await Promise.all([untilConnected(one), untilConnected(other)])
  const list = await storeList(url)
  await revokeEntries(url, list, 0, 100)
  const read = async (app: FastifyInstance) => {
    await app.changes.sync()
    return app.inject(`/status-lists/${list.id}`)
  }
  // A minute can begin between two responses.
  await until(async () => {
    const [before, between, after] = [await read(one), await read(other), await read(one)]
    if (before.headers.etag !== after.headers.etag) return false
    t.equal(between.headers.etag, before.headers.etag)
    t.not(between.body, before.body, 'the signatures differ')
    return true
  })
})

t.test('a revocation through one replica shows at the other', async (t) => {
  const url = await clonePlainDatabase(t)
  const [one, other] = [await startReplica(t, url), await startReplica(t, url)]
  await Promise.all([untilConnected(one), untilConnected(other)])
  const list = await storeList(url)
  for (const app of [one, other])
    await until(async () => (await app.inject(`/status-lists/${list.id}`)).statusCode === 200)
  await one.database.$executeRaw`INSERT INTO status_revocations (list_id, first) VALUES (${list.id}, 5)`
  for (const app of [one, other])
    await until(
      async () => revokedIn(await app.inject(`/status-lists/${list.id}`))?.includes(list.indexOf(5)) === true,
    )
})

t.test('a replica without the change feed serves no list until it has it again', async (t) => {
  const url = await clonePlainDatabase(t)
  const proxy = await startProxy(t, url)
  const app = await startReplica(t, url, proxy.url)
  await untilConnected(app)
  const list = await storeList(url)
  const read = () => app.inject(`/status-lists/${list.id}`)
  await until(async () => (await read()).statusCode === 200)
  proxy.cut()
  await until(() => !app.changes.isConnected())
  await revokeEntries(url, list, 5)
  for (const path of [`/status-lists/${list.id}`, '/status-lists']) {
    const response = await app.inject(path)
    t.equal(response.statusCode, 503, path)
    t.match(response.headers['retry-after'], /^\d+$/)
    t.equal(response.headers['access-control-allow-origin'], '*', 'for scripts too')
  }
  proxy.open()
  await until(async () => {
    const revoked = revokedIn(await read())
    if (revoked) t.same(revoked, [list.indexOf(5)], 'the first list after that')
    return revoked !== null
  })
})

t.test('a list whose changes cannot be read is not served', async (t) => {
  const url = await clonePlainDatabase(t)
  const proxy = await startProxy(t, url)
  const app = await startReplica(t, proxy.url, url)
  await untilConnected(app)
  const list = await storeList(url)
  const read = () => app.inject(`/status-lists/${list.id}`)
  await app.changes.sync()
  await until(async () => (await read()).statusCode === 200)
  proxy.cut()
  t.equal((await read()).statusCode, 200, 'nothing has changed')
  await revokeEntries(url, list, 5)
  await until(async () => (await read()).statusCode === 503)
  proxy.open()
  await until(async () => revokedIn(await read())?.length === 1)
})

t.test('a feed that delivers nothing is not trusted', async (t) => {
  const url = await clonePlainDatabase(t)
  const app = await startReplica(t, url, await startNotificationDropper(t, url))
  t.equal((await app.inject('/status-lists')).statusCode, 503)
})

t.test('a list that nobody asks for is not read', async (t) => {
  const url = await clonePlainDatabase(t)
  const app = await startReplica(t, url)
  await untilConnected(app)
  const list = await storeList(url)
  const texts: string[] = []
  const { pool } = app.database
  const execute = pool.query
  pool.query = function note(statement) {
    texts.push(statement.text)
    return execute.call(pool, statement)
  } as typeof execute
  // Those of the directory and of the revocations. Periodic tasks have others on the same tables.
  const reads = () => texts.filter((text) => /"readAt"|int4send/.test(text)).length
  await revokeEntries(url, list, 1)
  await app.changes.sync()
  t.equal(reads(), 0)
  await app.inject(`/status-lists/${list.id}`)
  t.equal(reads(), 2, 'the directory and the revocations')
  await app.changes.sync()
  await app.inject(`/status-lists/${list.id}`)
  await app.inject('/status-lists/AAAAAAAAAAA')
  t.equal(reads(), 2)
})
