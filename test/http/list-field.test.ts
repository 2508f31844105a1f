import t from 'tap'
import { parseList } from '../../src/http/list-field.js'

t.test('a list is split at commas outside of quotes, and empty elements are left out', async (t) => {
  for (const [field, elements] of [
    ['', []],
    [' , ,\t', []],
    ['a', ['a']],
    ['a,b , c\t', ['a', 'b', 'c']],
    [',a,,b,', ['a', 'b']],
    ['"a,b", c;d="e,f"', ['"a,b"', 'c;d="e,f"']],
    ['"a, b', ['"a, b']],
    ['a",b', ['a",b']],
  ] as const)
    t.same(parseList(field), elements, field)
})
