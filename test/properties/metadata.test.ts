import t from 'tap'
import { logIn, startApp } from '../helpers/app.js'
import { as } from '../helpers/client.js'
import { fc } from '../helpers/properties.js'

const path = '/users/me/items/'
const extreme = fc.constantFrom(5e-324, -1.234567890123456e-308, 1e-7, 0.1, 2 ** 53 - 1, 2 ** 53, 1e308, 0)
const number = fc.oneof(fc.double({ noNaN: true, noDefaultInfinity: true }), extreme)
const many = fc.record({ number, count: fc.integer({ min: 0, max: 3_000 }) })
const metadata = fc.oneof(
  many.map(({ number, count }) => ({ a: Array<number>(count).fill(number) })),
  fc.dictionary(
    fc.string({ unit: 'binary' }),
    fc.oneof(number, fc.jsonValue(), fc.string({ unit: 'binary' })),
  ),
)

t.test('metadata comes back as it was sent, or is refused, by every operation', async (t) => {
  const app = await startApp(t)
  const token = await logIn(app, 'johndoe', 'secret')
  await as(app, token).put(`${path}x`, {})
  const headers = { authorization: `Bearer ${token}`, 'content-type': 'application/x-ndjson' }
  await fc.assert(
    fc.asyncProperty(metadata, async (given) => {
      const created = await as(app, token).post(path, { metadata: given })
      const line = await app.inject({
        method: 'POST',
        url: `${path}import`,
        headers,
        payload: JSON.stringify({ metadata: given }),
      })
      const put = await as(app, token).put(`${path}y`, { metadata: given })
      const isTaken = created.statusCode === 201
      t.ok([201, 400, 413, 422].includes(created.statusCode), created.body.slice(0, 200))
      t.equal(line.statusCode, isTaken ? 200 : 422)
      t.equal(put.statusCode < 300, isTaken)
      if (!isTaken) return
      const read = await as(app, token).get(String(created.headers.location))
      t.strictSame(read.json().metadata, JSON.parse(JSON.stringify(given)))
    }),
    {
      numRuns: 60,
      examples: [5e-324, -1.234567890123456e-308, 0.1, 1e21, 1.7976931348623157e308].flatMap((number) =>
        [50, 100, 101, 200, 700, 2_300].map(
          (count) => [{ a: Array<number>(count).fill(number) }] as [object],
        ),
      ) as [{ a: number[] }][],
    },
  )
  const exported = await as(app, token).get(`${path}export`)
  t.equal(exported.statusCode, 200)
})
