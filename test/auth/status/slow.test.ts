import t, { type Test } from 'tap'
import { openSharedSecret } from '../../../src/auth/keys/ring.js'
import { createStatusLists } from '../../../src/auth/status/status-lists.js'
import { loadConfig } from '../../../src/config/index.js'
import { openDatabase } from '../../../src/database/client.js'
import { createMetrics } from '../../../src/metrics/index.js'
import { stopMonotonicClock } from '../../helpers/clock.js'
import { cloneDatabase } from '../../helpers/database.js'
import { createRingKey } from '../../helpers/ring-key.js'
import { storeList } from '../../helpers/status-lists.js'

/** Sets up the lists of a process whose requests take a number of milliseconds each, which the test sets. */
async function setUp(t: Test) {
  const url = await cloneDatabase(t)
  const database = openDatabase(loadConfig({}), url)
  t.teardown(() => database.$disconnect())
  const clock = stopMonotonicClock(t)
  const durations: number[] = []
  const changes = {
    isFresh() {
      clock.advance(durations.shift() ?? 0)
      return true
    },
    isConnected: () => true,
    async sync() {},
    async freshen() {},
    subscribe() {},
  }
  const key = await createRingKey()
  const keyRing = { ...(await openSharedSecret('a secret of this test')), signer: async () => key }
  const lists = createStatusLists(
    { changes, database, metrics: createMetrics() },
    { issuer: 'https://login.example.com', keyRing },
  )
  return { durations, lists, list: await storeList(url) }
}

t.test('a list whose loading takes too long is tried again, and is loaded then', async (t) => {
  const { durations, lists, list } = await setUp(t)
  durations.push(901, 900)
  t.ok((await lists.publish(list.id)).token)
})

t.test('a process that is too slow for that has no list', async (t) => {
  const { durations, lists, list } = await setUp(t)
  durations.push(901, 901)
  await t.rejects(lists.publish(list.id), { code: 'service_unavailable' })
})
