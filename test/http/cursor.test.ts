import t from 'tap'
import { decodeCursor, encodeCursor } from '../../src/http/cursor.js'

const id = '01234567-89ab-7def-8123-456789abcdef'

t.test('a cursor says where a page ended, and none that we have not made is taken', async (t) => {
  const made = { sort: 'created_at', value: '2026-01-01T00:00:00.000Z', id }
  t.strictSame(decodeCursor(encodeCursor(made), 'created_at', true), made)
  for (const value of [
    ...['+010000-01-01T00:00:00.000Z', '+275760-09-13T00:00:00.000Z', '-000001-01-01T00:00:00.000Z'],
    ...['0000-01-01T00:00:00.000Z', '2026-01-01', 'yesterday', null],
  ])
    t.throws(() => decodeCursor(encodeCursor({ ...made, value }), 'created_at', true), {
      message: 'This cursor was not made for this list',
    })
})
