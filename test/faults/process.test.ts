import { setTimeout as delay } from 'node:timers/promises'
import t from 'tap'
import { query } from '../database/query.js'
import { cloneDatabase } from '../helpers/database.js'
import { startReplica } from '../helpers/replicas.js'
import type { Service } from '../helpers/service.js'
import { until } from '../helpers/wait.js'

const headersOf = (token: string) => ({
  authorization: `Bearer ${token}`,
  'content-type': 'application/json',
})

async function logIn({ origin }: Service, fields: Record<string, string> = {}) {
  const body = new URLSearchParams({ username: 'johndoe', password: 'secret', ...fields })
  const response = await fetch(`${origin}/token`, { method: 'POST', body })
  return (await response.json()) as { access_token: string; refresh_token: string }
}

/** Writes without pause until it is told to stop; what was acknowledged is what must be there. */
function writeOn(service: () => Service, token: string) {
  const acknowledged: string[] = []
  const refused: string[] = []
  let stopped = false
  async function write(writer: number): Promise<void> {
    for (let i = 0; !stopped; i++) {
      const itemId = `w${writer}-${i}`
      const init = {
        method: 'POST',
        headers: headersOf(token),
        body: JSON.stringify({ item_id: itemId, title: itemId, metadata: { i } }),
      }
      const response = await fetch(`${service().origin}/users/me/items/`, init).catch(() => null)
      if (response?.status === 201) acknowledged.push(itemId)
      else refused.push(itemId)
    }
  }
  const writers = [1, 2, 3, 4].map(write)
  return {
    acknowledged,
    refused,
    async stop() {
      stopped = true
      await Promise.all(writers)
    },
  }
}

for (const signal of ['SIGTERM', 'SIGKILL'] as const)
  t.test(`what was acknowledged before ${signal} is there afterwards, whole`, async (t) => {
    const url = await cloneDatabase(t)
    await query(
      url,
      "UPDATE users SET hashed_password = '$2b$04$qpYcZ1W8qZLhPH4xk/vHWeD9aoZCbU6C0i2hbDucefeq3jBz1Eklm', rehashed_at = now()",
    )
    const service = await startReplica(t, url)
    const tokens = await logIn(service)
    const revoked = await logIn(service)
    const { access_token } = await logIn(service)
    const writing = writeOn(() => service, access_token)
    await until(() => writing.acknowledged.length > 100)
    const body = new URLSearchParams({ grant_type: 'refresh_token', refresh_token: tokens.refresh_token })
    t.equal((await fetch(`${service.origin}/token`, { method: 'POST', body })).status, 200)
    const revocation = new URLSearchParams({ token: revoked.refresh_token })
    t.equal((await fetch(`${service.origin}/revoke`, { method: 'POST', body: revocation })).status, 200)
    service.program.process.kill(signal)
    t.equal(await service.program.ends(), signal === 'SIGTERM' ? 0 : 'SIGKILL')
    await writing.stop()

    const stored = await query<{ item_id: string; whole: boolean }>(
      url,
      "SELECT item_id, title = item_id AND metadata ? 'i' AND version = 1 AS whole FROM items WHERE item_id LIKE 'w%'",
    )
    const ids = new Set(stored.map(({ item_id }) => item_id))
    t.same(
      writing.acknowledged.filter((id) => !ids.has(id)),
      [],
    )
    t.ok(stored.every(({ whole }) => whole))
    const next = await startReplica(t, url)
    const me = await fetch(`${next.origin}/users/me/`, { headers: headersOf(revoked.access_token) })
    t.equal(me.status, 401, 'the revocation holds')
    const again = await fetch(`${next.origin}/token`, { method: 'POST', body })
    t.equal(again.status, 200, 'the rotation holds: its answer may have been lost')
  })

t.test('a rolling restart loses no request', async (t) => {
  const url = await cloneDatabase(t)
  await query(
    url,
    "UPDATE users SET hashed_password = '$2b$04$qpYcZ1W8qZLhPH4xk/vHWeD9aoZCbU6C0i2hbDucefeq3jBz1Eklm', rehashed_at = now()",
  )
  const settings = { DRAIN_SECONDS: '1' }
  let replicas: Service[] = await Promise.all([
    startReplica(t, url, settings),
    startReplica(t, url, settings),
  ])
  const { access_token } = await logIn(replicas[0] as Service)
  let ready = [...replicas]
  let turn = 0
  // What a load balancer does: it asks who is ready, and sends each request to one of those.
  const watching = setInterval(async () => {
    const states = await Promise.all(
      replicas.map((one) =>
        fetch(`${one.origin}/readyz`).then(
          ({ ok }) => ok,
          () => false,
        ),
      ),
    )
    ready = replicas.filter((_, i) => states[i])
  }, 50)
  t.teardown(() => clearInterval(watching))
  const writing = writeOn(() => ready[turn++ % ready.length] as Service, access_token)
  for (const index of [0, 1]) {
    const old = replicas[index] as Service
    await until(() => ready.length === 2)
    old.program.process.kill('SIGTERM')
    t.equal(await old.program.ends(), 0)
    const fresh = await startReplica(t, url, settings)
    replicas = replicas.map((one, i) => (i === index ? fresh : one))
  }
  await until(() => ready.length === 2)
  await writing.stop()
  t.same(writing.refused, [])
  t.ok(writing.acknowledged.length > 100)
})

t.test('a service that drains is not ready, serves on, and lets go of connections', async (t) => {
  const service = await startReplica(t, await cloneDatabase(t), { DRAIN_SECONDS: '300' })
  service.program.process.kill('SIGTERM')
  await until(async () => (await fetch(`${service.origin}/readyz`)).status === 503)
  const response = await fetch(`${service.origin}/livez`)
  t.equal(response.status, 200)
  t.equal(response.headers.get('connection'), 'close')
  await delay(600)
  service.program.process.kill('SIGTERM')
  t.equal(await service.program.ends(), 1, 'a second signal ends it at once')
})
