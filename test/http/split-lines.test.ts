import t from 'tap'
import { createPace } from '../../src/http/pace.js'
import { splitLines } from '../../src/http/split-lines.js'
import { fc } from '../helpers/properties.js'

async function* cut(body: Buffer, ends: number[]): AsyncGenerator<Buffer> {
  const cuts = [0, ...ends.map((end) => Math.min(end, body.length)).sort((a, b) => a - b), body.length]
  for (const [index, start] of cuts.slice(0, -1).entries()) yield body.subarray(start, cuts[index + 1])
}

async function collect(lines: AsyncIterable<Buffer | null>): Promise<(string | null)[]> {
  const all: (string | null)[] = []
  for await (const line of lines) all.push(line?.toString() ?? null)
  return all
}

t.test(
  'lines do not depend on how the body is split into chunks, and those that are too long are dropped',
  async (t) => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.constantFrom('a', 'bc', '\n', '\r', 'défg'), { maxLength: 40 }),
        fc.array(fc.nat(60), { maxLength: 6 }),
        async (parts, ends) => {
          const text = parts.join('')
          const expected = text.split('\n').map((line) => (Buffer.byteLength(line) > 4 ? null : line))
          if (expected.at(-1) === '') expected.pop()
          t.same(await collect(splitLines(cut(Buffer.from(text), ends), 4)), expected)
        },
      ),
    )
  },
)

t.test('a long loop yields to the event loop after each slice of work', async (t) => {
  let turns = 0
  let isCounting = true
  function count(): void {
    turns += 1
    if (isCounting) setImmediate(count)
  }
  setImmediate(count)
  const pace = createPace(10)
  for (let step = 0; step < 1_000; step++) await pace(1)
  isCounting = false
  t.ok(turns >= 100, `${turns} turns`)
})
