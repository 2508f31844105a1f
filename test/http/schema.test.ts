import t from 'tap'
import { isSingleLine, textFormats } from '../../src/http/schema.js'

const { 'multi-line-text': isMultiLine, text: isStorable } = textFormats

t.test('of all characters, names and titles have none that leaves its line or its place', async (t) => {
  const refused: number[] = []
  for (let code = 0; code <= 0x10ffff; code++)
    if (!isSingleLine(String.fromCodePoint(code))) refused.push(code)
  const range = (first: number, last: number) => Array.from({ length: last - first + 1 }, (_, i) => first + i)
  t.same(refused, [
    ...[...range(0, 0x1f), ...range(0x7f, 0x9f), 0x61c, 0x200e, 0x200f, 0x2028, 0x2029],
    ...[...range(0x202a, 0x202e), ...range(0x2066, 0x2069), ...range(0xd800, 0xdfff)],
  ])
})

t.test('descriptions have tabs and line breaks besides', async (t) => {
  for (let code = 0; code <= 0xffff; code++) {
    const character = String.fromCodePoint(code)
    const isControl = /\p{Cc}/u.test(character) && !'\t\n\r'.includes(character)
    if (isMultiLine(character) !== (isStorable(character) && !isControl)) t.fail(code.toString(16))
  }
  t.ok(isMultiLine('one\r\n\ttwo\n'))
})
