import t from 'tap'
import { isRotationDue, signingKey, stateOf } from '../../../src/auth/keys/lifecycle.js'

const now = new Date('2026-01-01T12:00:00Z')
const after = (seconds: number) => new Date(now.getTime() + seconds * 1000)
const key = (signsAt: number, retiredAt: Date | null = null) => ({
  signsAt: after(signsAt),
  retiredAt,
})

t.test('a key is published, signs, verifies and is retired', (t) => {
  const keys = [key(-300, after(-10)), key(-200), key(-100), key(100)] as const
  t.same(
    keys.map((one) => stateOf(one, keys, now)),
    ['retired', 'verifying', 'signing', 'published'],
  )
  t.equal(signingKey(keys, now), keys[2])
  t.equal(signingKey(keys, after(100)), keys[3], 'at its signing time')
  t.end()
})

t.test('before all signing times the first key signs', (t) => {
  const keys = [key(5), key(400)]
  t.equal(signingKey(keys, now), keys[0])
  t.equal(stateOf(key(5), [], now), 'published')
  t.equal(signingKey([], now), undefined)
  t.end()
})

t.test('a rotation is due one lead time before the newest key is too old', (t) => {
  const plan = { rotationSeconds: 1000, leadSeconds: 100 }
  t.equal(isRotationDue([], plan, now), true)
  t.equal(isRotationDue([key(-899)], plan, now), false)
  t.equal(isRotationDue([key(-900)], plan, now), true)
  t.equal(isRotationDue([key(-900), key(100)], plan, now), false, 'the next key is published already')
  t.equal(isRotationDue([key(-900), key(-5, now)], plan, now), true, 'a retired key does not count')
  t.end()
})
