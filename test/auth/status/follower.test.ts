import t from 'tap'
import { createFollower } from '../../../src/auth/status/follower.js'

/** Creates a follower whose reads end when they are told to. */
function createReader() {
  const reads: { succeed(): void; fail(): void }[] = []
  const follower = createFollower(
    () =>
      new Promise<void>((resolve, reject) => {
        reads.push({ succeed: resolve, fail: () => reject(new Error('no database')) })
      }),
  )
  return { follower, reads }
}

/** Runs what is due, up to the next read. */
const settle = () => new Promise<void>((resolve) => setImmediate(resolve))

t.test('the first call reads, and later ones only after a change', async (t) => {
  const { follower, reads } = createReader()
  const first = follower.catchUp()
  reads[0]?.succeed()
  await first
  await follower.catchUp()
  t.equal(reads.length, 1)
  follower.announce()
  follower.announce()
  const second = follower.catchUp()
  reads[1]?.succeed()
  await second
  t.equal(reads.length, 2)
})

t.test('calls share a read, but not one that began before a change', async (t) => {
  const { follower, reads } = createReader()
  const early = [follower.catchUp(), follower.catchUp()]
  follower.announce()
  const late = follower.catchUp()
  t.equal(reads.length, 1)
  reads[0]?.succeed()
  await Promise.all(early)
  await settle()
  t.equal(reads.length, 2)
  reads[1]?.succeed()
  await late
  t.equal(reads.length, 2)
})

t.test('a read that failed is tried again', async (t) => {
  const { follower, reads } = createReader()
  const failing = follower.catchUp()
  reads[0]?.fail()
  await t.rejects(failing, { message: 'no database' })
  const again = follower.catchUp()
  reads[1]?.succeed()
  await again
  t.equal(reads.length, 2)
})
