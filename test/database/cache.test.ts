import t from 'tap'
import { createInvalidatingCache } from '../../src/database/changes/cache.js'
import type { ChangeFeed } from '../../src/database/changes/index.js'
import { fc } from '../helpers/properties.js'

t.test('a value is cached until a row that it was loaded from changes', async (t) => {
  const { cache, publish, loads, load } = setUp()
  for (const _ of [1, 2, 3]) t.equal(await cache.get('key', load('user:1')), 'load 1')
  publish('user:2')
  t.equal(await cache.get('key', load('user:1')), 'load 1')
  publish('user:1')
  t.equal(await cache.get('key', load('user:1')), 'load 2')
  t.equal(loads(), 2)
})

t.test('each tag of an entry invalidates it', async (t) => {
  for (const row of ['user:1', 'family:2', 'client:3']) {
    const { cache, publish, load } = setUp()
    const all = ['user:1', 'family:2', 'client:3']
    await cache.get('key', load(...all))
    publish(row)
    t.equal(await cache.get('key', load(...all)), 'load 2', row)
  }
})

t.test('a value whose row changes during the load is not cached', async (t) => {
  const { cache, publish, load } = setUp()
  let finish = () => {}
  const loading = cache.get('key', () => {
    return new Promise((resolve) => {
      finish = () => resolve({ value: 'too early', tags: ['user:1'] })
    })
  })
  publish('user:1')
  finish()
  t.equal(await loading, 'too early', 'a call before the change may return the old value')
  t.equal(await cache.get('key', load('user:1')), 'load 1')
})

t.test('null clears the cache', async (t) => {
  const { cache, publish, load } = setUp()
  await cache.get('one', load('user:1'))
  await cache.get('two', load('user:2'))
  publish(null)
  t.equal(await cache.get('one', load('user:1')), 'load 3')
  t.equal(await cache.get('two', load('user:2')), 'load 4')
})

t.test(
  'nothing is cached while the feed is disconnected, and nothing is read from the cache while it is stale',
  async (t) => {
    const { cache, state, load } = setUp()
    state.isConnected = false
    await cache.get('key', load('user:1'))
    state.isConnected = true
    t.equal(await cache.get('key', load('user:1')), 'load 2')
    state.isFresh = false
    t.equal(await cache.get('key', load('user:1')), 'load 3')
    state.isFresh = true
    t.equal(await cache.get('key', load('user:1')), 'load 3')
  },
)

t.test('a stale feed is waited for when the value is cached, and only then', async (t) => {
  const { cache, state, waits, loads, load } = setUp()
  state.isFresh = false
  await cache.get('key', load('user:1'))
  t.equal(waits(), 0, 'a value that is not cached is loaded at once')
  state.isFreshAfterWait = true
  t.equal(await cache.get('key', load('user:1')), 'load 1')
  t.equal(waits(), 1)
  t.equal(loads(), 1)
})

t.test('a value that changes while a stale feed is waited for is loaded again', async (t) => {
  const { cache, publish, state, load } = setUp()
  await cache.get('key', load('user:1'))
  Object.assign(state, { isFresh: false, isFreshAfterWait: true })
  const got = cache.get('key', load('user:1'))
  publish('user:1')
  t.equal(await got, 'load 2')
})

t.test('a value without tags and a failed load are not cached', async (t) => {
  const { cache, load } = setUp()
  t.equal(await cache.get('key', async () => ({ value: 'refused', tags: null })), 'refused')
  await t.rejects(
    cache.get('key', async () => {
      throw new Error('no database')
    }),
    { message: 'no database' },
  )
  t.equal(await cache.get('key', load('user:1')), 'load 1')
})

t.test('the least recently used entry is evicted first', async (t) => {
  const { cache, publish, load } = setUp(2)
  await cache.get('one', load('user:1'))
  await cache.get('two', load('user:1'))
  await cache.get('one', load('user:1'))
  await cache.get('three', load('user:1'))
  t.equal(await cache.get('one', load('user:1')), 'load 1')
  t.equal(await cache.get('two', load('user:1')), 'load 4')
  publish('user:1')
  t.equal(await cache.get('two', load('user:1')), 'load 5')
})

/**
 * A model of a database of a few rows, whose changes are delivered later, in order, through a channel that may break. A
 * heartbeat is a message in that channel: the cache may be read if one has come back that was sent recently.
 */
class Model {
  readonly versions = [0, 0, 0]
  /** Messages on their way: a changed row, or a heartbeat with the versions at the time it was sent. */
  readonly channel: (number | { heartbeat: number[] })[] = []
  readonly listeners: ((change: string | null) => void)[] = []
  /** Versions when the last heartbeat that has come back was sent: nothing older may be returned. */
  known: number[] = [0, 0, 0]
  isConnected = true
  isFresh = true
  readonly loads: { row: number; version: number; finish: () => void }[] = []
  readonly problems: string[] = []
  loadCount = 0

  readonly changes: ChangeFeed = {
    isFresh: () => this.isConnected && this.isFresh,
    isConnected: () => this.isConnected,
    sync: async () => {},
    freshen: async () => {},
    subscribe: (listener) => this.listeners.push(listener),
  }
  readonly cache = createInvalidatingCache<number, number>(this.changes, 2)

  publish(change: string | null): void {
    for (const listener of this.listeners) listener(change)
  }

  change(row: number): void {
    this.versions[row] = (this.versions[row] ?? 0) + 1
    if (this.isConnected) this.channel.push(row)
  }

  deliver(): void {
    const message = this.channel.shift()
    if (typeof message === 'number') this.publish(`row:${message}`)
    else if (message) {
      this.known = message.heartbeat
      this.isFresh = true
    }
  }

  breakChannel(): void {
    this.channel.length = 0
    this.isConnected = false
    this.isFresh = false
    this.publish(null)
  }

  openChannel(): void {
    if (this.isConnected) return
    this.isConnected = true
    this.channel.push({ heartbeat: [...this.versions] })
    this.publish(null)
  }

  /** Gets a row. A load sees the current version of the row, and finishes later. */
  async get(row: number): Promise<void> {
    const atLeast = this.changes.isFresh() ? (this.known[row] ?? 0) : (this.versions[row] ?? 0)
    const got = await this.cache.get(row, () => {
      const version = this.versions[row] ?? 0
      this.loadCount += 1
      return new Promise((resolve) => {
        const finish = () => resolve({ value: version, tags: [`row:${row}`] })
        this.loads.push({ row, version, finish })
      })
    })
    if (got < atLeast) this.problems.push(`row ${row}: got ${got}, known to be ${atLeast}`)
  }
}

const row = fc.nat(2)
const often = ['deliver', 'finish', 'heartbeat', 'deliver', 'finish'] as const
const step = fc.oneof(
  { weight: 2, arbitrary: row.map((index) => ({ name: 'change' as const, row: index })) },
  { weight: 6, arbitrary: row.map((index) => ({ name: 'get' as const, row: index })) },
  { weight: 10, arbitrary: fc.constantFrom(...often).map((name) => ({ name, row: 0 })) },
  {
    weight: 1,
    arbitrary: fc.constantFrom('expire' as const, 'break', 'open').map((name) => ({ name, row: 0 })),
  },
)

t.test(
  'no order of loads, changes, messages and breaks makes the cache return a value known to be old',
  async (t) => {
    let fromCache = 0
    await fc.assert(
      fc.asyncProperty(fc.array(step, { minLength: 20, maxLength: 80 }), async (steps) => {
        const model = new Model()
        const calls: Promise<void>[] = []
        for (const { name, row: index } of steps) {
          if (name === 'change') model.change(index)
          else if (name === 'get') calls.push(model.get(index))
          else if (name === 'deliver') model.deliver()
          else if (name === 'finish') model.loads.shift()?.finish()
          else if (name === 'heartbeat' && model.isConnected)
            model.channel.push({ heartbeat: [...model.versions] })
          else if (name === 'expire') model.isFresh = false
          else if (name === 'break') model.breakChannel()
          else if (name === 'open') model.openChannel()
          await new Promise(setImmediate)
        }
        while (model.loads.length > 0) model.loads.shift()?.finish()
        await Promise.all(calls)
        fromCache += calls.length - model.loadCount
        return model.problems.length === 0
      }),
      { numRuns: 300 },
    )
    t.ok(fromCache > 200, `${fromCache} values came from the cache`)
  },
)

function setUp(max = 10) {
  const state = { isConnected: true, isFresh: true, isFreshAfterWait: false }
  let waits = 0
  let publish: (change: string | null) => void = () => {}
  const changes: ChangeFeed = {
    isFresh: () => state.isFresh,
    isConnected: () => state.isConnected,
    async sync() {},
    async freshen() {
      waits += 1
      state.isFresh = state.isFreshAfterWait
    },
    subscribe(listener) {
      publish = listener
    },
  }
  let count = 0
  return {
    cache: createInvalidatingCache<string, string>(changes, max),
    state,
    publish: (change: string | null) => publish(change),
    waits: () => waits,
    loads: () => count,
    load:
      (...tags: string[]) =>
      async () => {
        count += 1
        return { value: `load ${count}`, tags }
      },
  }
}
