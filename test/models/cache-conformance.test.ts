import t from 'tap'
import { type CacheLoad, createInvalidatingCache } from '../../src/database/changes/cache.js'
import type { ChangeFeed } from '../../src/database/changes/index.js'
import { isFresh, modelChangeFeed, type Process } from './change-feed.js'
import { explore } from './explorer.js'

const model = modelChangeFeed('the pool leads elsewhere')
const actions = new Map(model.actions.map((action) => [action.name, action]))
const tags = ['row:1']

/** A step that leads to no new state, so that no shortest sequence has it. */
const getAfterWait = 'the request that waited gets the row from the cache'

/**
 * Returns the shortest sequences of steps to every state, without those that begin others. Where a request that waited
 * can get the row from the cache, it does so.
 */
function listSequences(): string[][] {
  const sequences: string[][] = []
  explore(model, 100_000, (state, trace) => {
    const steps = trace().map((line) => line.replace(/^\d+\. /, ''))
    sequences.push(steps)
    if (actions.get(getAfterWait)?.isEnabled(state)) sequences.push([...steps, getAfterWait])
  })
  const beginnings = new Set(sequences.map((sequence) => sequence.slice(0, -1).join()))
  return sequences.filter((sequence) => !beginnings.has(sequence.join()))
}

/** Returns what a step publishes: nothing is undefined. */
function publishedBy(before: Process, after: Process, name: string): string | null | undefined {
  if (name === 'onNotification' && before.queue[0] === 'change') return tags[0]
  const isConnected = (state: Process) => state.feed === 'CONNECTED'
  return isConnected(before) === isConnected(after) ? undefined : null
}

/** Takes the steps of a sequence with a real cache over the feed of the model. Returns the first step after which they differ. */
async function compare(sequence: readonly string[]): Promise<string | null> {
  const state: Process = structuredClone(model.initial)
  let isProbed = false
  let publish: (change: string | null) => void = () => {}
  let endWait = () => {}
  const changes: ChangeFeed = {
    isFresh: () => isProbed || isFresh(state),
    isConnected: () => !isProbed && state.feed === 'CONNECTED',
    sync: async () => {},
    freshen: () => new Promise((resolve) => (endWait = resolve)),
    subscribe(listener) {
      publish = listener
    },
  }
  const cache = createInvalidatingCache<string, string | null>(changes, 1)
  let endLoad: (loaded: CacheLoad<string | null>) => Promise<unknown> = async () => {}
  let waiting = Promise.resolve<string | null>(null)

  /** Returns the row if a request gets it from the cache, or `load` once it starts a load. */
  function request(): Promise<string | null> {
    return new Promise((resolve, reject) => {
      const load = () =>
        new Promise<CacheLoad<string | null>>((end) => {
          endLoad = (loaded) => {
            end(loaded)
            return got
          }
          resolve('load')
        })
      const got = cache.get('row', load)
      got.then(resolve, reject)
    })
  }

  /** Returns whether the cache does with a request what the model does in this step. */
  async function isRequestHandled(name: string, { cached }: Process): Promise<boolean> {
    if (name === 'a request starts a load') return (await request()) === 'load'
    if (name === 'a request waits until the feed is fresh') waiting = request()
    if (name !== getAfterWait && name !== 'the request that waited starts a load') return true
    endWait()
    return (await waiting) === (name === getAfterWait ? cached : 'load')
  }

  /** Returns what the cache has, without changing it. */
  async function probe(): Promise<string | null> {
    isProbed = true
    const found = await cache.get('row', async () => ({ value: null, tags: null }))
    isProbed = false
    return found
  }

  for (const [index, name] of sequence.entries()) {
    const before = structuredClone(state)
    actions.get(name)?.run(state)
    const published = publishedBy(before, state, name)
    if (published !== undefined) publish(published)
    const isHandled = await isRequestHandled(name, before)
    if (name === 'the load ends') await endLoad({ value: before.load?.row ?? null, tags })
    if (!isHandled || (await probe()) !== state.cached) return sequence.slice(0, index + 1).join(', ')
  }
  return null
}

t.test('the cache keeps and drops values as the model does', async (t) => {
  const sequences = listSequences()
  t.comment(`${sequences.length} sequences`)
  for (const sequence of sequences) {
    const difference = await compare(sequence)
    if (difference !== null) return t.fail(difference)
  }
  t.ok(sequences.length > 1_000)
})
