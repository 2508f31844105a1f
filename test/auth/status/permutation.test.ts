import t from 'tap'
import { createPermutation, listSize } from '../../../src/auth/status/permutation.js'

const seed = Buffer.alloc(32, 7)

t.test('each ordinal has an index of its own, which leads back to it', async (t) => {
  const { indexOf, ordinalOf } = createPermutation(seed)
  const isTaken = new Uint8Array(listSize)
  let wrong = 0
  for (let ordinal = 0; ordinal < listSize; ordinal++) {
    const index = indexOf(ordinal)
    isTaken[index] = 1
    if (ordinalOf(index) !== ordinal) wrong += 1
  }
  t.equal(wrong, 0)
  t.equal(
    isTaken.reduce((sum, one) => sum + one, 0),
    listSize,
  )
})

t.test('the seed alone determines the indices', async (t) => {
  const first = Array.from({ length: 64 }, (_, ordinal) => createPermutation(seed).indexOf(ordinal))
  const again = Array.from({ length: 64 }, (_, ordinal) => createPermutation(seed).indexOf(ordinal))
  const other = Array.from({ length: 64 }, (_, ordinal) =>
    createPermutation(Buffer.alloc(32, 8)).indexOf(ordinal),
  )
  t.same(first, again)
  t.notSame(first, other)
})

t.test('neighbours are far apart', async (t) => {
  const { indexOf } = createPermutation(seed)
  const distances = Array.from({ length: 1_000 }, (_, ordinal) =>
    Math.abs(indexOf(ordinal) - indexOf(ordinal + 1)),
  ).sort((one, other) => one - other)
  t.ok(Number(distances[500]) > listSize / 8, 'the median of random distances is 0.29 of the size')
})
