import t from 'tap'
import { survivesRoundTrip } from '../../../src/http/json/number.js'
import { parseJson } from '../../../src/http/json/parser.js'
import { findJsonProblem, maxJsonDepth, maxJsonMembers } from '../../../src/http/json/scan.js'
import { fc } from '../../helpers/properties.js'

/** Returns the value of a JSON text, the type of the refusal, or the error code. */
function outcomeOf(text: string): unknown {
  try {
    return { value: parseJson(Buffer.from(text)) }
  } catch (error) {
    const { type, code } = error as { type?: string; code?: string }
    return type ?? code
  }
}

const notJson = 'FST_ERR_CTP_INVALID_JSON_BODY'

t.test('a text that is accepted has the value that JSON.parse returns', async (t) => {
  const value = fc.jsonValue({ maxDepth: 5, noUnicodeString: false }).filter((one) => {
    const text = JSON.stringify(one)
    return text.isWellFormed() && !/-0\b(?!\.)|"__proto__"|"prototype"/.test(text)
  })
  fc.assert(
    fc.property(value, fc.constantFrom(undefined, 1, '\t'), (one, space) => {
      const text = JSON.stringify(one, null, space)
      t.same(outcomeOf(text), { value: JSON.parse(text) })
    }),
  )
})

t.test('a text that JSON.parse refuses is refused, and no text is accepted with another value', async (t) => {
  const part = fc.constantFrom(
    '{',
    '}',
    '[',
    ']',
    ',',
    ':',
    '"',
    '\\',
    '"a"',
    '"b":',
    '"\\u0061"',
    '"\\ud800"',
    '0',
    '-',
    '1',
    '.5',
    'e3',
    'e-999',
    '00',
    'true',
    'null',
    ' ',
    '\n',
    'x',
    '\u{1F600}',
  )
  const text = fc.oneof(
    fc.array(part, { maxLength: 12 }).map((parts) => parts.join('')),
    fc.json(),
  )
  fc.assert(
    fc.property(text, (one) => {
      const outcome = outcomeOf(one)
      let expected: unknown = notJson
      try {
        expected = { value: JSON.parse(one) as unknown }
      } catch {
        t.equal(typeof outcome, 'string', one)
      }
      if (typeof outcome === 'object') t.same(outcome, expected, one)
    }),
    { numRuns: 2_000 },
  )
})

t.test('numbers are accepted if and only if they round-trip', async (t) => {
  for (const text of [
    '0',
    '1',
    '-1',
    '1.0',
    '1e2',
    '1E+2',
    '100',
    '0.1',
    '0.10',
    '0.0',
    '0e5',
    '0e-99999',
    '123456789012345',

    '9007199254740991',
    '-9007199254740991',
    '9007199254740992',
    '5e-324',
    '1.7976931348623157e308',
    '1e21',
    '0.000001',
    '0.0000001',
    '-1.5e-7',
    `0.5${'0'.repeat(1_000)}`,
    `1${'0'.repeat(22)}`,
    '12345.678e-10',
  ])
    t.ok(survivesRoundTrip(text), text)
  for (const text of [
    '-0',
    '-0.0',
    '-0e1',
    '1e-400',
    '-1e-400',
    '1e400',
    '-1e999999999999',
    '0.1234567890123456789',

    '9007199254740993',
    '-9007199254740993',
    '4.9e-324',
    '1.7976931348623159e308',
    '3.0000000000000000001',
    '12345678901234567890',
    '0.30000000000000001',
    `1${'0'.repeat(22)}1`,
    `0.${'0'.repeat(400)}1`,
  ])
    t.notOk(survivesRoundTrip(text), text)
  fc.assert(
    fc.property(fc.double({ noNaN: true, noDefaultInfinity: true }), (value) => {
      t.equal(survivesRoundTrip(JSON.stringify(value)), true)
    }),
  )
  fc.assert(
    fc.property(fc.bigInt(), (value) => {
      t.equal(survivesRoundTrip(String(value)), BigInt(Number(value)) === value && decimalOf(value) === value)
    }),
  )
})

/** Returns the integer that JavaScript writes for the double nearest to a value. */
function decimalOf(value: bigint): bigint {
  const [digits = '', exponent = '0'] = String(Number(value)).split('e+')
  const [whole = '', fraction = ''] = digits.split('.')
  return BigInt(whole + fraction.padEnd(Number(exponent), '0'))
}

t.test('each reason to refuse a JSON text', async (t) => {
  const nested = (depth: number) => `${'['.repeat(depth)}${']'.repeat(depth)}`
  const wide = (members: number) => `[${Array(members).fill('1').join(',')}]`
  for (const [name, text, expected] of [
    ['too deep', nested(maxJsonDepth + 1), 'json_depth'],
    ['much too deep', nested(30_000), 'json_depth'],
    ['too deep and unclosed', '{"a":'.repeat(10_000), 'json_depth'],
    ['too many members', wide(maxJsonMembers + 1), 'json_members'],
    ['too many objects', `[${Array(6_000).fill('{}').join(',')}]`, 'json_members'],
    ['a repeated name', '{"a":1,"b":2,"a":3}', 'json_duplicate'],
    ['a repeated name with escapes', '{"a":1,"\\u0061" : 3}', 'json_duplicate'],
    ['a repeated name deep inside', '[{"x":[{"a":{},"a":{}}]}]', 'json_duplicate'],
    ['half a surrogate pair', '["\\ud800"]', 'format'],
    ['half a surrogate pair in a name', '{"\\udfff":1}', 'format'],
    ['a number that is rounded', '{"a":[9007199254740993]}', 'json_number'],
    ['a prototype', '{"__proto__":1}', notJson],
    ['an escaped prototype', '{"\\u005f_proto__":1}', notJson],
    ['the prototype of a constructor', '{"constructor":{"prototype":{}}}', notJson],
    ['an invalid number', '[01]', notJson],
    ['an unterminated string', '["a', notJson],
    ['a string that ends in a backslash', '"\\', notJson],
    ['a member outside an object', '"a":1', notJson],
    ['an empty text', ' ', notJson],
  ] as const)
    t.equal(outcomeOf(text), expected, name)
  for (const text of [nested(maxJsonDepth), wide(maxJsonMembers - 1), '\ufeff{"a":1}', '"\\ud83d\\ude00"'])
    t.type(outcomeOf(text), Object, text.slice(0, 20))
  for (const text of [
    '{"a":{"a":{"a":1}},"b":{"a":1}}',
    '[{"a":1},{"a":1}]',
    '{"constructor":{"a":{"prototype":1}}}',
  ])
    t.same(outcomeOf(text), { value: JSON.parse(text) }, text)
})

t.test('the scan takes linear time', async (t) => {
  const texts: [string, (size: number) => string][] = [
    ['backslashes', (size) => `"${'\\'.repeat(size)}`],
    ['escapes', (size) => `"${'\\u0061'.repeat(size / 6)}"`],
    ['quotes', (size) => '"'.repeat(size)],
    ['white space', (size) => `"a"${' '.repeat(size)}`],
    ['strings and white space', (size) => '""  '.repeat(size / 4)],
    ['digits', (size) => `0.${'0'.repeat(size)}1`],
    ['nines', (size) => '9'.repeat(size)],
    ['signs', (size) => '-'.repeat(size)],
    ['an exponent', (size) => `1e${'9'.repeat(size)}`],
    ['names', (size) => `{${Array.from({ length: size / 8 }, (_, i) => `"${i}":1`).join(',')}`],
    ['words', (size) => 'x'.repeat(size)],
  ]
  const measure = (text: string) => {
    const began = process.cpuUsage()
    try {
      findJsonProblem(text)
    } catch {}
    const { user, system } = process.cpuUsage(began)
    return user + system
  }
  for (const [name, make] of texts) {
    const [short, long] = [make(60_000), make(960_000)]
    const best = (text: string) => Math.min(...Array.from({ length: 5 }, () => measure(text)))
    best(short)
    // Sixteen times the text: linear work takes sixteen times as long, quadratic 256 times.
    t.ok(best(long) < 64 * Math.max(best(short), 500), name)
  }
})
