import t, { type Test } from 'tap'
import { seed } from '../../prisma/seed.js'
import { openDatabase } from '../../src/database/client.js'
import { migrate } from '../../src/database/migrations.js'
import { query } from '../database/query.js'
import { type ClusterNode, citusUrl, listNodes, newClusterDatabase } from '../helpers/cluster.js'
import { runCommand } from '../helpers/command.js'
import { createUser, logIn, startReplica } from '../helpers/replicas.js'
import type { Service } from '../helpers/service.js'
import { until } from '../helpers/wait.js'
import {
  clusterDirectory,
  countShards,
  describeCluster,
  killNode,
  moveShard,
  restartNodes,
  workerOf,
} from './nodes.js'
import { findLost, type Owner, type Refusal, startWriter, type Writer } from './writers.js'

// The service on a real cluster of Citus that fails under load. TEST_CITUS_URL names a database on its coordinator, and
// TEST_CITUS_DIRECTORY the folder in which test/citus/cluster.sh has started it, which can then kill and restart its nodes.

/** Number of owners who add items at once. */
const ownerCount = 8
/** Number of items that are added while a shard is moved. */
const itemsUnderLoad = 300
/** Number of owners whose shards are moved to one worker before a rebalance. */
const movedOwners = 3
/** Number of items of a user who is deleted: several batches. */
const manyItems = 5_000
/** How often each owner must succeed after a fault to show that they can. */
const successes = 10

const skip = !citusUrl && 'TEST_CITUS_URL names no cluster'
const skipFaults = skip || (!clusterDirectory && 'TEST_CITUS_DIRECTORY names no cluster that can be stopped')

/** The service over a database of the cluster, and owners of items there. */
interface Setting {
  url: string
  service: Service
  owners: Owner[]
}

async function open(t: Test): Promise<Setting> {
  const url = await newClusterDatabase(t)
  t.teardown(() => clusterDirectory && restartNodes())
  await migrate(url)
  const database = openDatabase({ databasePoolSize: 1, databaseTimeoutSeconds: 10 }, url)
  await seed(database)
  await database.$disconnect()
  await scale(url, 'distribute', '--shards', '8', '--yes')
  const service = await startReplica(t, url, {
    DATABASE_POOL_SIZE: '10',
    LOGIN_FAILURES_PER_NETWORK: '1000000',
  })
  const owners: Owner[] = []
  for (let number = 0; number < ownerCount; number++) owners.push(await createOwner(url, service))
  t.comment(`notice: ${await describeCluster(url)}`)
  return { url, service, owners }
}

/** Runs `latchkey scale`. */
async function scale(url: string, ...args: string[]): Promise<void> {
  const { status, stderr } = await runCommand(url, ['scale', ...args])
  if (status !== 0) throw new Error(stderr)
}

async function createOwner(url: string, service: Service): Promise<Owner> {
  const username = await createUser(url)
  const [found] = await query<{ id: string }>(url, 'SELECT id FROM users WHERE username = $1', [username])
  const { access_token: token } = await logIn(service, username)
  return { id: String(found?.id), username, token }
}

/** Creates an owner whose items are on a given worker. */
async function createOwnerOn(worker: ClusterNode, url: string, service: Service): Promise<Owner> {
  for (;;) {
    const owner = await createOwner(url, service)
    if ((await workerOf(url, owner.id)).port === worker.port) return owner
  }
}

/** Resolves when every one of these writers has added more items. */
function untilWriting(writers: Writer[], more = successes): Promise<void> {
  const before = writers.map(({ confirmed }) => confirmed.length)
  return until(() =>
    writers.every(({ confirmed }, index) => confirmed.length >= Number(before[index]) + more),
  )
}

/** Resolves when every one of these writers is refused. */
function untilRefused(writers: Writer[]): Promise<void> {
  const before = writers.map(({ refusals }) => refusals.length)
  return until(() => writers.every(({ refusals }, index) => refusals.length > Number(before[index])))
}

/** Stops the writers, and checks that the database has everything that was confirmed, and that refusals said when to return. */
async function checkOutcome(t: Test, url: string, writers: Writer[]): Promise<void> {
  for (const writer of writers) await writer.stop()
  t.same(await findLost(url, writers), [], 'nothing that was confirmed is lost')
  const refusals = writers.flatMap((writer) => writer.refusals)
  const isPromise = ({ status, retryAfter }: Refusal) => status === 503 && /^\d+$/.test(String(retryAfter))
  t.same(
    refusals.filter((refusal) => !isPromise(refusal)),
    [],
    'a refusal says when to return',
  )
  const confirmed = writers.reduce((sum, writer) => sum + writer.confirmed.length, 0)
  const longestMs = Math.round(Math.max(...writers.map((writer) => writer.longestMs)))
  t.comment(
    `notice: ${t.name}: ${confirmed} items added, the slowest in ${longestMs} ms, ${refusals.length} requests refused`,
  )
}

async function countItems(url: string, { id }: Owner): Promise<number> {
  const [found] = await query<{ items: number }>(
    url,
    'SELECT count(*)::int AS items FROM items WHERE owner_id = $1',
    [id],
  )
  return Number(found?.items)
}

function addMany(url: string, { id }: Owner) {
  return query(
    url,
    `INSERT INTO items (id, owner_id, item_id)
     SELECT gen_random_uuid(), $1::uuid, 'i' || n FROM generate_series(1, ${manyItems}) AS n`,
    [id],
  )
}

async function deleteAccount({ origin }: Service, { token }: Owner): Promise<number> {
  const response = await fetch(`${origin}/users/me/`, {
    method: 'DELETE',
    headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json' },
    body: JSON.stringify({ password: 'secret' }),
  })
  return response.status
}

t.test('a cluster', { skip }, async (t) => {
  const { url, service, owners } = await open(t)
  const [coordinator, ...workers] = await listNodes(url)
  const [one, other] = workers as [ClusterNode, ClusterNode]
  const elsewhere = (worker: ClusterNode) => (worker.port === one.port ? other : one)

  await t.test('a shard is moved while its owner writes', async (t) => {
    const writers = owners.map((owner) => startWriter(t, service, owner))
    await untilWriting(writers)
    const [owner] = owners as [Owner]
    const from = await workerOf(url, owner.id)
    await moveShard(url, owner.id, from, elsewhere(from))
    await until(() => writers.reduce((sum, { confirmed }) => sum + confirmed.length, 0) >= itemsUnderLoad)
    await untilWriting(writers)
    t.equal((await workerOf(url, owner.id)).port, elsewhere(from).port)
    await checkOutcome(t, url, writers)
  })

  await t.test('shards are spread evenly again while owners write', async (t) => {
    for (const owner of owners.slice(0, movedOwners)) {
      const from = await workerOf(url, owner.id)
      if (from.port === one.port) await moveShard(url, owner.id, one, other)
    }
    const writers = owners.map((owner) => startWriter(t, service, owner))
    await untilWriting(writers)
    await scale(url, 'rebalance', '--yes')
    await untilWriting(writers)
    const counts = [...(await countShards(url)).values()]
    t.ok(Math.max(...counts) - Math.min(...counts) <= 1, `${counts}`)
    await checkOutcome(t, url, writers)
  })

  await t.test('a user with many items is deleted, and leaves none behind', async (t) => {
    const owner = await createOwner(url, service)
    await addMany(url, owner)
    t.equal(await deleteAccount(service, owner), 204)
    await until(async () => (await countItems(url, owner)) === 0)
    await until(async () => (await query(url, 'SELECT FROM departed_owners')).length === 0)
  })

  await t.test('a worker is killed', { skip: skipFaults }, async (t) => {
    const stranded = await createOwnerOn(one, url, service)
    const gone = await createOwnerOn(one, url, service)
    const goneElsewhere = await createOwnerOn(other, url, service)
    for (const owner of [gone, goneElsewhere]) await addMany(url, owner)
    const writers = [...owners, stranded].map((owner) => startWriter(t, service, owner))
    const onKilled = new Set<Writer>()
    for (const writer of writers)
      if ((await workerOf(url, writer.owner.id)).port === one.port) onKilled.add(writer)
    const others = writers.filter((writer) => !onKilled.has(writer))
    await untilWriting(writers)

    await killNode(one)
    await untilRefused([...onKilled])
    const refusedElsewhere = others.map(({ refusals }) => refusals.length)
    await untilWriting(others)
    t.same(
      others.map(({ refusals }) => refusals.length),
      refusedElsewhere,
      'other owners go on',
    )
    t.equal((await fetch(`${service.origin}/readyz`)).status, 200, 'the process stays in service')

    t.equal(await deleteAccount(service, gone), 204, 'a user whose items cannot be reached is deleted')
    t.equal(await deleteAccount(service, goneElsewhere), 204)
    await until(async () => (await countItems(url, goneElsewhere)) === 0)

    await restartNodes()
    await untilWriting(writers)
    await until(async () => (await countItems(url, gone)) === 0)
    await checkOutcome(t, url, writers)
  })

  await t.test('the coordinator is killed', { skip: skipFaults }, async (t) => {
    const writers = owners.map((owner) => startWriter(t, service, owner))
    await untilWriting(writers)
    await killNode(coordinator)
    await untilRefused(writers)
    await restartNodes()
    await untilWriting(writers)
    await checkOutcome(t, url, writers)
  })

  await t.test('no item is without an owner', async (t) => {
    const owned = await query<{ owner_id: string }>(url, 'SELECT DISTINCT owner_id FROM items')
    const users = new Set((await query<{ id: string }>(url, 'SELECT id FROM users')).map(({ id }) => id))
    t.same(
      owned.filter(({ owner_id }) => !users.has(owner_id)),
      [],
    )
  })
})
