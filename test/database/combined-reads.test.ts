import t from 'tap'
import { combineReads } from '../../src/database/combined-reads.js'

/** Creates a function that says which read something was found by, and the reads so far. */
function createReader(maxBatchSize?: number) {
  const reads: (readonly string[])[] = []
  const load = combineReads<string, string>({
    name: 'read words',
    keyOf: (word) => word.toLowerCase(),
    async read(words) {
      const place = reads.push(words)
      return words.map((word) => `${word} of read ${place}`)
    },
    ...(maxBatchSize && { maxBatchSize }),
  })
  return { load, reads }
}

t.test('what is requested in one turn is read together, and equal reads are done once', async (t) => {
  const { load, reads } = createReader()
  const found = await Promise.all(['b', 'a', 'B', 'a'].map(load))
  t.strictSame(found, ['b of read 1', 'a of read 1', 'b of read 1', 'a of read 1'])
  t.strictSame(reads, [['b', 'a']])
})

t.test('nothing is kept: a later request starts another read', async (t) => {
  const { load, reads } = createReader()
  await load('a')
  t.equal(await load('a'), 'a of read 2')
  t.strictSame(reads, [['a'], ['a']])
})

t.test('a read that began does not answer later requests', async (t) => {
  let finish = () => {}
  let begin = () => {}
  const begun = new Promise<void>((resolve) => {
    begin = resolve
  })
  const finished = new Promise<void>((resolve) => {
    finish = resolve
  })
  let reads = 0
  const load = combineReads<string, number>({
    name: 'read words',
    keyOf: (word) => word,
    async read(words) {
      const place = ++reads
      begin()
      await finished
      return words.map(() => place)
    },
  })
  const first = load('a')
  await begun
  const second = load('a')
  finish()
  t.strictSame(await Promise.all([first, second]), [1, 2])
})

t.test('no read is larger than the maximum', async (t) => {
  const { load, reads } = createReader(2)
  await Promise.all(['a', 'b', 'c'].map(load))
  t.strictSame(reads, [['a', 'b'], ['c']])
})

t.test('a failure reaches all who wait for the read, and nobody else', async (t) => {
  let reads = 0
  const load = combineReads<string, string>({
    name: 'read words',
    keyOf: (word) => word,
    async read(words) {
      if (++reads === 1) throw new Error('no connection')
      return [...words]
    },
  })
  const failed = await Promise.allSettled([load('a'), load('b')])
  t.match(failed, [{ reason: { message: 'no connection' } }, { reason: { message: 'no connection' } }])
  t.equal(await load('a'), 'a')
})
