import t, { type Test } from 'tap'
import { followBits } from '../../../src/auth/status/bits.js'
import { createDirectory } from '../../../src/auth/status/directory.js'
import { readLiveLists } from '../../../src/auth/store/status-reading.js'
import { loadConfig } from '../../../src/config/index.js'
import { openDatabase } from '../../../src/database/client.js'
import { query } from '../../database/query.js'
import { stopMonotonicClock } from '../../helpers/clock.js'
import { cloneDatabase } from '../../helpers/database.js'
import { beginTransaction } from '../../helpers/replicas.js'
import { revokeEntries, type StoredList, storeList } from '../../helpers/status-lists.js'

// The lists in memory follow the rows in the database.

async function setUp(t: Test) {
  const url = await cloneDatabase(t)
  const database = openDatabase(loadConfig({}), url)
  t.teardown(() => database.$disconnect())
  return { url, database }
}

/** Follows the bits of a list, which are read by each call of `read`. */
async function follow({ database }: Awaited<ReturnType<typeof setUp>>, { id, indexOf }: StoredList) {
  const { lists } = await readLiveLists(database)
  const [list] = lists.filter((live) => live.id === id)
  if (!list) throw new Error('the list is not live')
  const bits = followBits(list, database)
  return {
    revoked: bits.revoked,
    async read() {
      bits.announce()
      await bits.catchUp()
    },
    isSet(ordinal: number) {
      const index = indexOf(ordinal)
      return ((bits.copy()[index >> 3] ?? 0) & (1 << (index & 7))) !== 0
    },
  }
}

t.test('ranges of ordinals set the bits of their indices, each counted once', async (t) => {
  const surroundings = await setUp(t)
  const list = await storeList(surroundings.url)
  const bits = await follow(surroundings, list)
  await revokeEntries(surroundings.url, list, 0, 20_000)
  await revokeEntries(surroundings.url, list, 2 ** 20 - 1)
  await bits.read()
  t.equal(bits.revoked(), 20_001)
  for (const [ordinal, isSet] of [
    [0, true],
    [19_999, true],
    [20_000, false],
    [2 ** 20 - 1, true],
  ] as const)
    t.equal(bits.isSet(ordinal), isSet, String(ordinal))
  await revokeEntries(surroundings.url, list, 19_999, 2)
  await bits.read()
  t.equal(bits.revoked(), 20_002)
})

t.test('revocations of other lists do not count', async (t) => {
  const surroundings = await setUp(t)
  const [list, other] = [await storeList(surroundings.url), await storeList(surroundings.url)]
  await revokeEntries(surroundings.url, other, 0)
  const bits = await follow(surroundings, list)
  await bits.read()
  t.equal(bits.revoked(), 0)
})

t.test('a transaction that commits after a later one is not missed', async (t) => {
  const surroundings = await setUp(t)
  const list = await storeList(surroundings.url)
  const bits = await follow(surroundings, list)
  const early = await beginTransaction(
    t,
    surroundings.url,
    `INSERT INTO status_revocations (list_id, first) VALUES ('${list.id}', 1)`,
  )
  await revokeEntries(surroundings.url, list, 2)
  await bits.read()
  t.same([bits.isSet(1), bits.isSet(2)], [false, true])
  await early.query('COMMIT')
  await revokeEntries(surroundings.url, list, 3)
  await bits.read()
  t.same([bits.isSet(1), bits.isSet(2), bits.isSet(3)], [true, true, true])
})

t.test('the directory has the lists that are live, and forgets retired ones in time', async (t) => {
  const { url, database } = await setUp(t)
  const clock = stopMonotonicClock(t)
  const retired = await storeList(url, '0 seconds')
  const [brief, long] = [await storeList(url, '1 hour'), await storeList(url, '2 hours')]
  const reads: string[][] = []
  const directory = createDirectory(database, (ids) => reads.push([...ids]))
  t.same(directory.live(), [])
  await directory.catchUp()
  const ids = () => directory.live().map(({ id }) => id)
  t.same(ids(), [brief.id, long.id])
  t.equal(directory.find(retired.id), undefined)
  clock.advance(3_600_000)
  t.same(ids(), [long.id])
  t.equal(directory.find(brief.id), undefined)
  t.equal(directory.find(long.id)?.id, long.id)
  t.same(reads, [[brief.id, long.id]], 'without another read')
})

t.test('its clock is that of the database', async (t) => {
  const { url, database } = await setUp(t)
  const clock = stopMonotonicClock(t)
  const directory = createDirectory(database, () => {})
  const readTime = async () => {
    const [{ ms } = { ms: 0 }] = await query<{ ms: number }>(
      url,
      'SELECT extract(epoch FROM clock_timestamp())::float8 * 1000 AS ms',
    )
    return ms
  }
  const before = await readTime()
  await directory.catchUp()
  const after = await readTime()
  t.ok(directory.now() >= before && directory.now() <= after)
  clock.advance(60_000)
  t.ok(directory.now() >= before + 60_000 && directory.now() <= after + 60_000)
})
