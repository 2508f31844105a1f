import t, { type Test } from 'tap'
import { createStatusAllocator } from '../../../src/auth/status/allocator.js'
import { listTerms } from '../../../src/auth/status/list-terms.js'
import { type BlockHolder, leaseBlock } from '../../../src/auth/store/status-blocks.js'
import { openDatabase } from '../../../src/database/client.js'
import { createMetrics } from '../../../src/metrics/index.js'
import { query } from '../../database/query.js'
import { cloneDatabase } from '../../helpers/database.js'
import { storeResource } from '../../helpers/resources.js'

const hour = 3_600

/** Opens a database, and an allocator that the test tells of changes. */
async function open(t: Test) {
  const url = await cloneDatabase(t)
  const database = openDatabase({ databasePoolSize: 2, databaseTimeoutSeconds: 10 }, url)
  t.teardown(() => database.$disconnect())
  const listeners: ((change: string | null) => void)[] = []
  const changes = {
    subscribe: (listener: (change: string | null) => void) => listeners.push(listener),
    sync: async () => {},
    freshen: async () => {},
    isFresh: () => true,
    isConnected: () => true,
  }
  const allocator = createStatusAllocator({ database, changes, metrics: createMetrics() })
  const [client] = await query<{ clientId: string; generation: number }>(
    url,
    `SELECT client_id AS "clientId", generation FROM clients WHERE client_id = 'first-party'`,
  )
  if (!client) throw new Error('no client')
  const holder: BlockHolder = { client, resource: null, scope: 'me', ofUsers: true }
  return {
    ...{ url, database, allocator, holder },
    announce: (change: string | null) => {
      for (const listener of listeners) listener(change)
    },
    countBlocks: async () => (await query(url, 'SELECT FROM status_blocks')).length,
  }
}

t.test('equal holders share a block, which the database knows', async (t) => {
  const { url, allocator, holder } = await open(t)
  const one = await allocator.take(holder, hour)
  const other = await allocator.take({ ...holder, client: { ...holder.client } }, hour)
  t.equal(other.listId, one.listId)
  t.same([one.ordinal, other.ordinal], [0, 1])
  t.match(await query(url, 'SELECT * FROM status_blocks'), [
    {
      ...{ list_id: one.listId, first: 0, count: 32, client_id: 'first-party', client_generation: 0 },
      ...{ resource_id: null, scope: 'me', of_users: true },
    },
  ])
  t.match(await query(url, 'SELECT id, class, next_ordinal FROM status_lists'), [
    { id: one.listId, class: 0, next_ordinal: 32 },
  ])
})

t.test('each holder has blocks of its own in the same list', async (t) => {
  const { url, database, allocator, holder } = await open(t)
  await storeResource(database, { name: 'orders', identifier: 'urn:orders', scopes: ['orders:read'] })
  await query(url, "UPDATE clients SET scopes = scopes || 'orders:read'::varchar")
  const [resource] = await query<NonNullable<BlockHolder['resource']>>(
    url,
    'SELECT id, generation, subject_type AS "subjectType" FROM resources',
  )
  if (!resource) throw new Error('no resource')
  const holders = [
    holder,
    { ...holder, scope: 'items:read' },
    { ...holder, scope: '' },
    { ...holder, ofUsers: false },
    { ...holder, resource, scope: 'orders:read' },
  ]
  const entries = []
  for (const one of holders) entries.push(await allocator.take(one, hour))
  t.equal(new Set(entries.map(({ listId }) => listId)).size, 1)
  t.same(
    entries.map(({ ordinal }) => ordinal),
    [0, 32, 64, 96, 128],
  )
})

t.test('blocks are dropped when the client changes, and after an interruption of the feed', async (t) => {
  const { allocator, holder, announce, countBlocks } = await open(t)
  await allocator.take(holder, hour)
  for (const [change, blocks] of [
    ['client:first', 1],
    ['client:first-party-too', 1],
    ['user:first-party', 1],
    ['client:first-party', 2],
    [null, 3],
  ] as const) {
    announce(change)
    await allocator.take(holder, hour)
    t.equal(await countBlocks(), blocks, String(change))
  }
})

t.test('the lists of longer tokens are others, and are open for longer', async (t) => {
  t.same(listTerms(1), { class: 0, openSeconds: 600, retentionSeconds: 60 + hour + 300 })
  t.same(listTerms(hour), listTerms(1))
  t.same(listTerms(hour + 1), { class: 1, openSeconds: hour, retentionSeconds: 60 + 8 * hour + 300 })
  t.same(listTerms(8 * hour), listTerms(hour + 1))
  t.equal(listTerms(365 * 24 * hour).class, 5)

  const { url, allocator, holder } = await open(t)
  const entries = [await allocator.take(holder, hour), await allocator.take(holder, hour + 1)]
  t.equal(new Set(entries.map(({ listId }) => listId)).size, 2)
  t.same(
    await query(
      url,
      `SELECT class, extract(epoch FROM closes_at)::int8 % CASE class WHEN 0 THEN 600 ELSE 3600 END = 0 AS "isPeriod",
         extract(epoch FROM retires_at - closes_at)::int AS retention
       FROM status_lists ORDER BY class`,
    ),
    [
      { class: 0, isPeriod: true, retention: 60 + hour + 300 },
      { class: 1, isPeriod: true, retention: 60 + 8 * hour + 300 },
    ],
  )
})

t.test('a list that is closed or cannot hold a block is followed by another', async (t) => {
  const { url, database, holder } = await open(t)
  const lease = (count: number) => leaseBlock(holder, listTerms(hour), count, database)
  const first = await lease(4_096)
  await query(url, 'UPDATE status_lists SET next_ordinal = 1048576 - 32')
  t.match(await lease(32), { listId: first?.listId, first: 1_048_544 }, 'the last block')
  const second = await lease(32)
  t.not(second?.listId, first?.listId)
  t.match(second, { first: 0 })
  await query(url, 'UPDATE status_lists SET closes_at = now()')
  const third = await lease(32)
  t.not(third?.listId, second?.listId)
  t.equal((await query(url, 'SELECT FROM status_lists')).length, 3)
})

for (const [what, statement] of [
  ['the client is disabled', 'UPDATE clients SET disabled = true'],
  ['the client has a new generation', 'UPDATE clients SET generation = generation + 1'],
  ['the client has lost a scope', "UPDATE clients SET scopes = '{items:read}'"],
  ['the resource is disabled', 'UPDATE resources SET disabled = true'],
  ['the resource has a new generation', "UPDATE resources SET identifier = 'urn:other'"],
  ['the resource knows users by other names', "UPDATE resources SET subject_type = 'username'"],
  ['the resource has lost the scope', 'DELETE FROM resource_scopes'],
  ['the resource is deleted', 'DELETE FROM resources'],
] as const)
  t.test(`no entry is given when ${what}`, async (t) => {
    const { url, database, allocator, holder, countBlocks } = await open(t)
    await storeResource(database, { name: 'orders', identifier: 'urn:orders', scopes: ['orders:read'] })
    await query(url, "UPDATE clients SET scopes = scopes || 'orders:read'::varchar")
    const [{ generation = 0 } = {}] = await query<{ generation: number }>(
      url,
      'SELECT generation FROM clients',
    )
    const [resource] = await query<NonNullable<BlockHolder['resource']>>(
      url,
      'SELECT id, generation, subject_type AS "subjectType" FROM resources',
    )
    await query(url, statement)
    const ofResource = { client: { clientId: 'first-party', generation }, resource: resource ?? null }
    await t.rejects(allocator.take({ ...holder, ...ofResource, scope: 'orders:read' }, hour), {
      code: 'service_unavailable',
    })
    t.equal(await countBlocks(), 0)
    t.same(await query(url, 'SELECT FROM status_lists'), [], 'and no list is made')
  })

t.test(
  'a client with the scope "me" can have the scope of a password change, which that includes',
  async (t) => {
    const { url, allocator, holder } = await open(t)
    const forPassword = { ...holder, scope: 'account:password' }
    await t.resolves(allocator.take(forPassword, hour))
    await query(url, "UPDATE clients SET scopes = '{items:read}'")
    await t.rejects(allocator.take({ ...forPassword, ofUsers: false }, hour), { code: 'service_unavailable' })
  },
)

t.test('concurrent leases of several processes overlap nowhere', async (t) => {
  const { url, database, holder } = await open(t)
  const others = Array.from({ length: 4 }, () =>
    openDatabase({ databasePoolSize: 4, databaseTimeoutSeconds: 10 }, url),
  )
  for (const one of others) t.teardown(() => one.$disconnect())
  await leaseBlock(holder, listTerms(hour), 32, database)
  const leases = Array.from({ length: 64 }, (_, number) =>
    leaseBlock(holder, listTerms(hour), 32 + number, others[number % 4] ?? database),
  )
  await Promise.all(leases)
  const blocks = await query<{ list_id: string; first: number; count: number }>(
    url,
    'SELECT list_id, first, count FROM status_blocks ORDER BY list_id, first',
  )
  t.equal(blocks.length, 65)
  for (const [index, { list_id, first }] of blocks.entries()) {
    const last = blocks[index - 1]
    const end = last?.list_id === list_id ? last.first + last.count : 0
    t.equal(first, end)
  }
})

t.test('no entry is given for this service with a scope that a resource has defined', async (t) => {
  const { url, database, allocator, holder } = await open(t)
  await query(url, "UPDATE clients SET scopes = scopes || 'orders:read'::varchar")
  const own = { ...holder, scope: 'me orders:read' }
  await t.resolves(leaseBlock(own, listTerms(hour), 32, database))
  await storeResource(database, { name: 'orders', identifier: 'urn:orders', scopes: ['orders:read'] })
  await t.rejects(allocator.take(own, hour), { code: 'service_unavailable' })
})

t.test('simultaneous leases without an open list make one', async (t) => {
  const { url, database, holder } = await open(t)
  const blocks = await Promise.all([1, 2, 3, 4].map(() => leaseBlock(holder, listTerms(hour), 32, database)))
  t.equal(new Set(blocks.map((block) => block?.listId)).size, 1)
  t.same(
    blocks.map((block) => block?.first).sort((one, two) => Number(one) - Number(two)),
    [0, 32, 64, 96],
  )
  t.equal((await query(url, 'SELECT FROM status_lists')).length, 1)
})

t.test('the order of the scope makes no other holder', async (t) => {
  const { allocator, holder, countBlocks } = await open(t)
  await allocator.take({ ...holder, scope: 'me items:read' }, hour)
  await allocator.take({ ...holder, scope: 'items:read me' }, hour)
  t.equal(await countBlocks(), 1)
})
