import t, { type Test } from 'tap'
import { createPublisher } from '../../../src/auth/status/publisher.js'
import { createMetrics } from '../../../src/metrics/index.js'
import { stopMonotonicClock } from '../../helpers/clock.js'
import { createRingKey } from '../../helpers/ring-key.js'
import { decodeList } from '../../helpers/status-lists.js'

const [firstKey, secondKey] = [await createRingKey(), await createRingKey()]
const uri = 'https://login.example.com/status-lists/VxDHaQrjKvM'
/** The first millisecond of a minute. */
const minuteStart = 1_800_000_000_000

/** Creates a publisher whose surroundings the test changes. */
function setUp(t: Test) {
  const clock = stopMonotonicClock(t)
  const startedAt = performance.now()
  const bits = Buffer.alloc(2 ** 17)
  const state = { key: firstKey, revoked: 0, copies: 0 }
  const publisher = createPublisher(
    uri,
    {
      announce() {},
      async catchUp() {},
      revoked: () => state.revoked,
      copy() {
        state.copies += 1
        return Buffer.from(bits)
      },
    },
    {
      keyRing: { signer: async () => state.key },
      now: () => minuteStart + performance.now() - startedAt,
      metrics: createMetrics(),
    },
  )
  /** Publishes the list. @param ageMs time since the feed was fresh (milliseconds) */
  const publish = (ageMs: number) => publisher.publish(performance.now() - ageMs)
  return {
    clock,
    state,
    publish,
    async publishNow() {
      const list = await publish(0)
      if (!list) throw new Error('the list is too old')
      return list
    },
    revoke() {
      bits[state.revoked] = 255
      state.revoked += 1
    },
  }
}

t.test('a list is built once while nothing changes', async (t) => {
  const { clock, state, publishNow } = setUp(t)
  const [first, shared] = await Promise.all([publishNow(), publishNow()])
  clock.advance(59_999)
  t.equal(await publishNow(), first)
  t.equal(shared, first)
  t.equal(state.copies, 1)
})

t.test('it is signed again in a new minute, with the same digest', async (t) => {
  const { clock, publishNow } = setUp(t)
  const first = await publishNow()
  clock.advance(60_000)
  const second = await publishNow()
  t.equal(second.digest, first.digest)
  t.equal(second.minute, first.minute + 1)
  t.not(second.etag, first.etag)
  t.equal(decodeList(String(second.token)).claims.iat, minuteStart / 1_000 + 60)
})

t.test('a changed list is built at most twice a second', async (t) => {
  const { clock, revoke, publishNow } = setUp(t)
  const first = await publishNow()
  revoke()
  clock.advance(499)
  t.equal(await publishNow(), first)
  clock.advance(1)
  const second = await publishNow()
  t.not(second.digest, first.digest)
  t.same(decodeList(String(second.token)).revoked(), [0, 1, 2, 3, 4, 5, 6, 7])
})

t.test('a list that has not changed for long is built at once when it changes', async (t) => {
  const { clock, revoke, publishNow } = setUp(t)
  await publishNow()
  clock.advance(500)
  revoke()
  t.same(decodeList(String((await publishNow()).token)).revoked().length, 8)
})

t.test('another key signs it anew, and changes its digest', async (t) => {
  const { clock, state, publishNow } = setUp(t)
  const first = await publishNow()
  state.key = secondKey
  clock.advance(500)
  const second = await publishNow()
  t.not(second.digest, first.digest)
  t.equal(decodeList(String(second.token)).header.kid, secondKey.kid)
})

t.test('a list that may lack what was committed 1 s ago is not published', async (t) => {
  const { clock, revoke, publish, publishNow } = setUp(t)
  t.equal(await publish(901), null, 'the first build took too long')
  clock.advance(500)
  const unchanged = await publish(100)
  t.equal(await publish(900), unchanged, 'an earlier proof takes nothing back')
  revoke()
  const changed = await publishNow()
  revoke()
  clock.advance(901)
  t.equal(await publish(402), null, 'it is too early for another build')
  t.not((await publishNow()).digest, changed.digest)
})
