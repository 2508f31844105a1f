import t from 'tap'
import { delayAfter } from '../../src/outbox/backoff.js'

t.test('delays triple up to four hours, with up to 20% more by chance', async (t) => {
  const failures = Array.from({ length: 12 }, (_, index) => index + 1)
  t.same(
    failures.map((number) => delayAfter(number, 0, 0)),
    [5, 15, 45, 135, 405, 1_215, 3_645, 10_935, 14_400, 14_400, 14_400, 14_400],
  )
  t.equal(delayAfter(1, 0, 1), 6)
  for (const delay of failures.map((number) => delayAfter(number, 0))) t.ok(delay >= 5 && delay <= 17_280)
})

t.test('a target can ask for a longer delay, up to an hour, and for no shorter one', async (t) => {
  t.equal(delayAfter(1, 60, 0), 60)
  t.equal(delayAfter(1, 1e9, 0), 3_600)
  t.equal(delayAfter(9, 60, 0), 14_400)
})
