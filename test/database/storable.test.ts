import t from 'tap'
import { isMultiLine, isSingleLine, isStorable } from '../../src/database/storable.js'

t.test('names and titles have no character that breaks the line or changes the text direction', async (t) => {
  const refused: number[] = []
  for (let code = 0; code <= 0x10ffff; code++)
    if (!isSingleLine(String.fromCodePoint(code))) refused.push(code)
  const range = (first: number, last: number) => Array.from({ length: last - first + 1 }, (_, i) => first + i)
  t.same(refused, [
    ...range(0, 0x1f),
    ...range(0x7f, 0x9f),
    0x61c,
    0x200e,
    0x200f,
    0x2028,
    0x2029,
    ...range(0x202a, 0x202e),
    ...range(0x2066, 0x2069),
    ...range(0xd800, 0xdfff),
  ])
})

t.test('text of several lines has no control characters other than tabs and line breaks', async (t) => {
  for (let code = 0; code <= 0xffff; code++) {
    const character = String.fromCodePoint(code)
    const isControl = /\p{Cc}/u.test(character) && !'\t\n\r'.includes(character)
    if (isMultiLine(character) !== (isStorable(character) && !isControl)) t.fail(code.toString(16))
  }
  t.ok(isMultiLine('one\r\n\ttwo\n'))
})
