import t from 'tap'
import { removeExpired } from '../../src/database/retention.js'
import { logIn, startApp } from '../helpers/app.js'
import { as } from '../helpers/client.js'
import { cloneDatabase } from '../helpers/database.js'
import { until } from '../helpers/wait.js'

t.test('only expired rows are removed, in batches', async (t) => {
  const app = await startApp(t)
  const { database } = app
  const count = async () => [
    await database.tokenFamily.count(),
    await database.refreshToken.count(),
    await database.revokedToken.count(),
  ]
  for (let index = 0; index < 6; index++) await logIn(app, 'johndoe', 'secret')
  const token = await logIn(app, 'johndoe', 'secret')
  const kept = await database.tokenFamily.findFirstOrThrow({ orderBy: { createdAt: 'desc' } })
  await database.tokenFamily.updateMany({
    where: { id: { not: kept.id } },
    data: { expiresAt: new Date(Date.now() - 1000) },
  })
  const revoked = Array.from({ length: 5 }, (_, index) => ({
    fingerprint: new Uint8Array(32).fill(index),
    expiresAt: new Date(Date.now() + (index === 0 ? 60_000 : -1000)),
  }))
  await database.revokedToken.createMany({ data: revoked })

  const stored = await count()
  await removeExpired(database, { eventRetentionSeconds: 86_400 }, { rows: 2, signal: AbortSignal.abort() })
  t.same(await count(), stored, 'a process that ends leaves them to the next')
  await removeExpired(database, { eventRetentionSeconds: 86_400 }, { rows: 2 })
  t.same(await count(), [1, 1, 1])
  t.equal((await as(app, token).get('/users/me/')).statusCode, 200)
})

t.test('the service removes expired rows by itself', async (t) => {
  const url = await cloneDatabase(t)
  const first = await startApp(t, {}, url)
  await logIn(first, 'johndoe', 'secret')
  await first.database.tokenFamily.updateMany({ data: { expiresAt: new Date(Date.now() - 1000) } })
  const second = await startApp(t, {}, url)
  await second.ready()
  await until(async () => (await first.database.tokenFamily.count()) === 0)
  t.equal(await first.database.refreshToken.count(), 0)
})

t.test('messages are removed when they have expired, and with the events that they are about', async (t) => {
  const { database } = await startApp(t)
  const day = 86_400
  async function leftAfter(eventRetentionSeconds: number): Promise<unknown[]> {
    await database.outboxMessage.deleteMany()
    for (const [target, daysLeft] of Object.entries({ expired: -1, old: 3, new: 7 }))
      await database.$executeRaw`
        INSERT INTO outbox (kind, target, payload, expires_at)
        VALUES ('webhook', ${target}, '{}', now() + ${daysLeft} * interval '1 day' - interval '1 minute')`
    await removeExpired(database, { eventRetentionSeconds })
    const left = await database.outboxMessage.findMany({ orderBy: { target: 'asc' } })
    return left.map(({ target }) => target)
  }
  t.same(await leftAfter(90 * day), ['new', 'old'])
  t.same(await leftAfter(day), ['new'], 'events are kept for a day only')
})
