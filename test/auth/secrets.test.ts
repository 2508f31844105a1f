import t from 'tap'
import { descendantOf, fingerprint, newRefreshToken, successorOf } from '../../src/auth/secrets.js'

t.test('a descendant is found by its fingerprint up to a hundred steps away', async (t) => {
  const macKey = Buffer.alloc(32, 1)
  const first = newRefreshToken()
  const descendants = [first]
  for (let step = 1; step <= 101; step++) descendants.push(successorOf(descendants[step - 1] ?? '', macKey))
  for (const [steps, isFound] of [
    [0, false],
    [1, true],
    [100, true],
    [101, false],
  ] as const) {
    const wanted = descendants[steps] ?? ''
    t.equal(descendantOf(first, fingerprint(wanted), macKey), isFound ? wanted : null, `${steps} steps away`)
  }
})
