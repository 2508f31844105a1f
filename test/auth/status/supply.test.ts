import { setImmediate as turn } from 'node:timers/promises'
import t from 'tap'
import { createPermutation, type Permutation } from '../../../src/auth/status/permutation.js'
import { createSupply, type StatusEntry } from '../../../src/auth/status/supply.js'
import type { LeasedBlock } from '../../../src/auth/store/status-blocks.js'

const seed = Buffer.alloc(32, 7)
const openSeconds = 600

/** A lease that was called and has not been answered yet. */
interface Call {
  count: number
  grant(): Promise<void>
  refuse(): Promise<void>
}

/** Creates a supply with a clock that stands still, and leases that the test answers. Each lease is from a list of its own. */
function createFixture() {
  const clock = { ms: 0 }
  const calls: Call[] = []
  const supply = createSupply(
    (count) =>
      new Promise<LeasedBlock & { permutation: Permutation }>((resolve, reject) => {
        const listId = `list ${calls.length}`
        calls.push({
          count,
          grant: async () => {
            resolve({ listId, seed, permutation: createPermutation(seed), first: 100, openSeconds })
            await turn()
          },
          refuse: async () => {
            reject(new Error('no block'))
            await turn()
          },
        })
      }),
    () => clock.ms,
  )
  return {
    clock,
    calls,
    take: () => supply.take(),
    async takeMany(count: number): Promise<StatusEntry[]> {
      const entries: StatusEntry[] = []
      for (let taken = 0; taken < count; taken++) entries.push(await supply.take())
      return entries
    },
    /** Answers a lease, which must have been called. */
    async grant(number: number): Promise<void> {
      await calls[number]?.grant()
    },
  }
}

/** Returns a fixture whose first block was leased, and the first entry of that. */
async function startFixture() {
  const fixture = createFixture()
  const first = fixture.take()
  await fixture.grant(0)
  return { ...fixture, first: await first }
}

t.test('the first call waits for a block of the least size, and takes its first entry', async (t) => {
  const { calls, first } = await startFixture()
  t.same(
    calls.map(({ count }) => count),
    [32],
  )
  t.same(first, { listId: 'list 0', ordinal: 100, index: createPermutation(seed).indexOf(100) })
})

t.test('calls that wait share one lease, and no entry is taken twice', async (t) => {
  const { calls, take, grant } = createFixture()
  const waiting = Array.from({ length: 15 }, take)
  await grant(0)
  const ordinals = (await Promise.all(waiting)).map(({ ordinal }) => ordinal)
  t.same(
    ordinals,
    Array.from({ length: 15 }, (_, number) => 100 + number),
  )
  t.equal(calls.length, 1)
})

t.test('calls that wait for more entries than a block has wait for further blocks', async (t) => {
  const { calls, take, grant } = createFixture()
  const waiting = Array.from({ length: 40 }, take)
  await grant(0)
  await grant(1)
  const entries = await Promise.all(waiting)
  t.equal(new Set(entries.map(({ listId, ordinal }) => `${listId} ${ordinal}`)).size, 40)
  t.equal(calls.length, 2)
})

t.test('the next block is leased in the background, once, when half of the last is used', async (t) => {
  const { calls, takeMany, grant } = await startFixture()
  await takeMany(14)
  t.equal(calls.length, 1, 'after 15 of 32 entries')
  await takeMany(16)
  t.equal(calls.length, 2, 'after 31 of 32 entries, during the lease')
  await grant(1)
  const entries = await takeMany(2)
  t.same(
    entries.map(({ listId, ordinal }) => [listId, ordinal]),
    [
      ['list 0', 131],
      ['list 1', 100],
    ],
    'the last block is used up before',
  )
  t.equal(calls.length, 2)
})

t.test(
  'the next block is leased when the list has closed, and the last can be used for a minute more',
  async (t) => {
    const { calls, clock, takeMany, grant } = await startFixture()
    clock.ms = openSeconds * 1_000 - 1
    await takeMany(1)
    t.equal(calls.length, 1, 'before')
    clock.ms += 1
    await takeMany(1)
    t.equal(calls.length, 2, 'at the end')
    await grant(1)
    clock.ms += 59_999
    t.match(await takeMany(1), [{ listId: 'list 0' }], 'within the minute')
    clock.ms += 1
    t.match(await takeMany(1), [{ listId: 'list 1' }], 'after it')
  },
)

t.test('a block that has ended is not used, however many entries are left', async (t) => {
  const { calls, clock, take, grant } = await startFixture()
  clock.ms = (openSeconds + 60) * 1_000
  const next = take()
  await grant(1)
  t.match(await next, { listId: 'list 1' })
  t.equal(calls.length, 2)
})

t.test('a block has the entries of ten seconds at the last rate, from 32 to 4,096', async (t) => {
  /** Returns the size of the block that follows the first, half of which was used in a time (milliseconds). */
  async function sizeAfter(ms: number): Promise<number | undefined> {
    const { calls, clock, takeMany } = await startFixture()
    await takeMany(14)
    clock.ms = ms
    await takeMany(1)
    return calls[1]?.count
  }
  t.equal(await sizeAfter(160_000), 32, 'a token in ten seconds')
  t.equal(await sizeAfter(1_600), 100, 'ten tokens a second')
  t.equal(await sizeAfter(3_000), 54, 'parts of an entry count')
  t.equal(await sizeAfter(16), 4_096, 'a thousand tokens a second')
  t.equal(await sizeAfter(0), 4_096, 'all at once')
})

t.test('a lease in the background that fails leaves the block in use, and is tried again', async (t) => {
  const { calls, takeMany, grant } = await startFixture()
  await takeMany(15)
  t.equal(calls.length, 2)
  await calls[1]?.refuse()
  t.match(await takeMany(1), [{ ordinal: 116 }])
  t.equal(calls.length, 3)
  await grant(2)
  await takeMany(15)
  t.match(await takeMany(1), [{ listId: 'list 2' }])
})

t.test('calls that wait see why there is no block, and the next call leases again', async (t) => {
  const { calls, take, grant } = createFixture()
  const refused = [take(), take()].map((one) => t.rejects(one, { message: 'no block' }))
  await calls[0]?.refuse()
  await Promise.all(refused)
  const next = take()
  t.equal(calls.length, 2)
  await grant(1)
  t.match(await next, { listId: 'list 1' })
})
