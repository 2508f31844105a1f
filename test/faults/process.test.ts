import { setTimeout as delay } from 'node:timers/promises'
import t from 'tap'
import { query } from '../database/query.js'
import { cloneDatabase } from '../helpers/database.js'
import { logIn, startReplica, startReplicas } from '../helpers/replicas.js'
import type { Service } from '../helpers/service.js'
import { until } from '../helpers/wait.js'

const headersOf = (token: string) => ({
  authorization: `Bearer ${token}`,
  'content-type': 'application/json',
})

/** Writes without pause until it is stopped, and records what was acknowledged and must therefore be stored. */
function writeOn(service: () => Service | Promise<Service>, token: string) {
  const acknowledged: string[] = []
  const registered: string[] = []
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
      const response = await fetch(`${(await service()).origin}/users/me/items/`, init).catch(() => null)
      if (response?.status === 201) acknowledged.push(itemId)
      else refused.push(itemId)
    }
  }
  async function register(): Promise<void> {
    for (let i = 0; !stopped; i++) {
      const username = `user-${i}`
      const init = {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify({ username, password: 'correct horse' }),
      }
      const response = await fetch(`${(await service()).origin}/users/`, init).catch(() => null)
      if (response?.status === 202) registered.push(username)
      else refused.push(username)
    }
  }
  const writers = [...[1, 2, 3, 4].map(write), register()]
  return {
    acknowledged,
    registered,
    refused,
    async stop() {
      stopped = true
      await Promise.all(writers)
    },
  }
}

for (const signal of ['SIGTERM', 'SIGKILL'] as const)
  t.test(`acknowledged writes survive ${signal} completely`, async (t) => {
    const settings = { REFRESH_TOKEN_GRACE_SECONDS: '60' }
    const { url, one: service } = await startReplicas(t, settings)
    const tokens = await logIn(service)
    const revoked = await logIn(service)
    const { access_token } = await logIn(service)
    const writing = writeOn(() => service, access_token)
    await until(() => writing.acknowledged.length > 100 && writing.registered.length > 10)
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
    const users = await query<{ username: string; whole: boolean }>(
      url,
      "SELECT username, username_key IS NOT NULL AND length(hashed_password) = 60 AS whole FROM users WHERE username LIKE 'user-%'",
    )
    const names = new Set(users.map(({ username }) => username))
    t.same(
      writing.registered.filter((name) => !names.has(name)),
      [],
    )
    t.ok(users.every(({ whole }) => whole))
    const next = await startReplica(t, url, settings)
    const me = await fetch(`${next.origin}/users/me/`, { headers: headersOf(revoked.access_token) })
    t.equal(me.status, 401, 'the revocation is kept')
    const again = await fetch(`${next.origin}/token`, { method: 'POST', body })
    t.equal(again.status, 200, 'the rotation is kept, as its response may have been lost')
  })

t.test('a rolling restart loses no request', async (t) => {
  const settings = { DRAIN_SECONDS: '2' }
  const { url, one, other } = await startReplicas(t, settings)
  const replicas = [one, other]
  const { access_token } = await logIn(one)
  let turn = 0
  // A load balancer sends each request to one of the replicas that are ready.
  async function nextReady(): Promise<Service> {
    for (;;) {
      const replica = replicas[turn++ % replicas.length] as Service
      const response = await fetch(`${replica.origin}/readyz`).catch(() => null)
      if (response?.ok) return replica
    }
  }
  const writing = writeOn(nextReady, access_token)
  for (const [index, old] of [one, other].entries()) {
    old.program.process.kill('SIGTERM')
    t.equal(await old.program.ends(), 0)
    replicas[index] = await startReplica(t, url, settings)
  }
  await until(() => writing.acknowledged.length > 100)
  await writing.stop()
  t.same(writing.refused, [])
})

t.test('a draining service is not ready, serves on, and closes connections', async (t) => {
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
