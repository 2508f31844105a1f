import t from 'tap'
import { decodeCursor, encodeCursor } from '../../src/http/cursor.js'

const id = '01234567-89ab-7def-8123-456789abcdef'

t.test('a cursor encodes the position after which a page starts, and a forged one is refused', async (t) => {
  const position = { sort: 'created_at', value: '2026-01-01T00:00:00.000Z', id }
  t.strictSame(decodeCursor(encodeCursor(position), 'created_at', true), position)
  for (const value of [
    '+010000-01-01T00:00:00.000Z',
    '+275760-09-13T00:00:00.000Z',
    '-000001-01-01T00:00:00.000Z',
    '0000-01-01T00:00:00.000Z',
    '2026-01-01',
    'yesterday',
    null,
  ])
    t.throws(() => decodeCursor(encodeCursor({ ...position, value }), 'created_at', true), {
      message: 'This cursor was not made for this list',
    })
})
