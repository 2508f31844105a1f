import fc from 'fast-check'
import t from 'tap'
import { createInvalidatingCache } from '../../src/database/changes/cache.js'
import type { ChangeFeed } from '../../src/database/changes/index.js'

t.test('what was read is kept until something that it was read from changes', async (t) => {
  const { view, tell, reads, read } = setUp()
  for (const _ of [1, 2, 3]) t.equal(await view.get('key', read('user:1')), 'read 1')
  tell('user:2')
  t.equal(await view.get('key', read('user:1')), 'read 1')
  tell('user:1')
  t.equal(await view.get('key', read('user:1')), 'read 2')
  t.equal(reads(), 2)
})

t.test('each of the tags that something was read from makes it go', async (t) => {
  for (const row of ['user:1', 'family:2', 'client:3']) {
    const { view, tell, read } = setUp()
    const all = ['user:1', 'family:2', 'client:3']
    await view.get('key', read(...all))
    tell(row)
    t.equal(await view.get('key', read(...all)), 'read 2', row)
  }
})

t.test('what changes while it is read is not kept', async (t) => {
  const { view, tell, read } = setUp()
  let finish = () => {}
  const reading = view.get('key', () => {
    return new Promise((resolve) => {
      finish = () => resolve({ value: 'too early', tags: ['user:1'] })
    })
  })
  tell('user:1')
  finish()
  t.equal(await reading, 'too early', 'who asked before the change may see what was before it')
  t.equal(await view.get('key', read('user:1')), 'read 1')
})

t.test('all goes when changes may have been missed', async (t) => {
  const { view, tell, read } = setUp()
  await view.get('one', read('user:1'))
  await view.get('two', read('user:2'))
  tell(null)
  t.equal(await view.get('one', read('user:1')), 'read 3')
  t.equal(await view.get('two', read('user:2')), 'read 4')
})

t.test(
  'nothing is kept while no changes are heard, and nothing trusted while they are not current',
  async (t) => {
    const { view, state, read } = setUp()
    state.heard = false
    await view.get('key', read('user:1'))
    state.heard = true
    t.equal(await view.get('key', read('user:1')), 'read 2')
    state.current = false
    t.equal(await view.get('key', read('user:1')), 'read 3')
    state.current = true
    t.equal(await view.get('key', read('user:1')), 'read 3')
  },
)

t.test('what must not be kept, and what could not be read, is read again', async (t) => {
  const { view, read } = setUp()
  t.equal(await view.get('key', async () => ({ value: 'refused', tags: null })), 'refused')
  await t.rejects(
    view.get('key', async () => {
      throw new Error('no database')
    }),
    { message: 'no database' },
  )
  t.equal(await view.get('key', read('user:1')), 'read 1')
})

t.test('of more than fit those go that were not asked for the longest', async (t) => {
  const { view, tell, read } = setUp(2)
  await view.get('one', read('user:1'))
  await view.get('two', read('user:1'))
  await view.get('one', read('user:1'))
  await view.get('three', read('user:1'))
  t.equal(await view.get('one', read('user:1')), 'read 1')
  t.equal(await view.get('two', read('user:1')), 'read 4')
  tell('user:1')
  t.equal(await view.get('two', read('user:1')), 'read 5')
})

/**
 * A database of a few tags whose changes are told later, in order, through a channel that may break. A pulse is a
 * message of our own in that channel: the view may be trusted if one has come back that was sent lately.
 */
class Model {
  readonly versions = [0, 0, 0]
  /** What is on its way; a number is a row, `pulse` carries the versions at the time it was sent. */
  readonly channel: (number | { pulse: number[] })[] = []
  readonly listeners: ((change: string | null) => void)[] = []
  /** What had been committed when the last pulse that has come back was sent: nothing older may be served. */
  known: number[] = [0, 0, 0]
  isHeard = true
  isCurrent = true
  readonly readings: { row: number; version: number; finish: () => void }[] = []
  readonly problems: string[] = []
  reads = 0

  readonly changes: ChangeFeed = {
    isFresh: () => this.isHeard && this.isCurrent,
    isConnected: () => this.isHeard,
    sync: async () => {},
    subscribe: (listener) => this.listeners.push(listener),
  }
  readonly view = createInvalidatingCache<number, number>(this.changes, 2)

  tell(change: string | null): void {
    for (const listener of this.listeners) listener(change)
  }

  change(row: number): void {
    this.versions[row] = (this.versions[row] ?? 0) + 1
    if (this.isHeard) this.channel.push(row)
  }

  deliver(): void {
    const message = this.channel.shift()
    if (typeof message === 'number') this.tell(`row:${message}`)
    else if (message) {
      this.known = message.pulse
      this.isCurrent = true
    }
  }

  breakChannel(): void {
    this.channel.length = 0
    this.isHeard = false
    this.isCurrent = false
    this.tell(null)
  }

  openChannel(): void {
    if (this.isHeard) return
    this.isHeard = true
    this.channel.push({ pulse: [...this.versions] })
    this.tell(null)
  }

  /** Asks for a row; a read that is needed sees the row as it is now, and ends later. */
  async ask(row: number): Promise<void> {
    const atLeast = this.changes.isFresh() ? (this.known[row] ?? 0) : (this.versions[row] ?? 0)
    const served = await this.view.get(row, () => {
      const version = this.versions[row] ?? 0
      this.reads += 1
      return new Promise((resolve) => {
        const finish = () => resolve({ value: version, tags: [`row:${row}`] })
        this.readings.push({ row, version, finish })
      })
    })
    if (served < atLeast) this.problems.push(`row ${row}: served ${served}, known to be ${atLeast}`)
  }
}

const row = fc.nat(2)
const often = ['deliver', 'finish', 'pulse', 'deliver', 'finish'] as const
const step = fc.oneof(
  { weight: 2, arbitrary: row.map((one) => ({ name: 'change' as const, row: one })) },
  { weight: 6, arbitrary: row.map((one) => ({ name: 'ask' as const, row: one })) },
  { weight: 10, arbitrary: fc.constantFrom(...often).map((name) => ({ name, row: 0 })) },
  {
    weight: 1,
    arbitrary: fc.constantFrom('doubt' as const, 'break', 'open').map((name) => ({ name, row: 0 })),
  },
)

t.test(
  'in no order of reads, changes, messages and breaks is anything served that is known to be old',
  async (t) => {
    let fromMemory = 0
    await fc.assert(
      fc.asyncProperty(fc.array(step, { minLength: 20, maxLength: 80 }), async (steps) => {
        const model = new Model()
        const asked: Promise<void>[] = []
        for (const { name, row: one } of steps) {
          if (name === 'change') model.change(one)
          else if (name === 'ask') asked.push(model.ask(one))
          else if (name === 'deliver') model.deliver()
          else if (name === 'finish') model.readings.shift()?.finish()
          else if (name === 'pulse' && model.isHeard) model.channel.push({ pulse: [...model.versions] })
          else if (name === 'doubt') model.isCurrent = false
          else if (name === 'break') model.breakChannel()
          else if (name === 'open') model.openChannel()
          await new Promise(setImmediate)
        }
        while (model.readings.length > 0) model.readings.shift()?.finish()
        await Promise.all(asked)
        fromMemory += asked.length - model.reads
        return model.problems.length === 0
      }),
      { numRuns: 300 },
    )
    t.ok(fromMemory > 200, `${fromMemory} answers came out of memory`)
  },
)

function setUp(max = 10) {
  const state = { heard: true, current: true }
  let tell: (change: string | null) => void = () => {}
  const changes: ChangeFeed = {
    isFresh: () => state.current,
    isConnected: () => state.heard,
    sync: async () => {},
    subscribe(listener) {
      tell = listener
    },
  }
  let count = 0
  return {
    view: createInvalidatingCache<string, string>(changes, max),
    state,
    tell: (change: string | null) => tell(change),
    reads: () => count,
    read:
      (...tags: string[]) =>
      async () => {
        count += 1
        return { value: `read ${count}`, tags }
      },
  }
}
