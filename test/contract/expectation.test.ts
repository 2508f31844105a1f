import t, { type Test } from 'tap'
import type { Expectation } from './cases.js'
import { compareResponse } from './expectation.js'
import { makeToken } from './recipe.js'
import type { RawResponse } from './response.js'

type Row = [title: string, response: RawResponse, expect: Expectation, differences: RegExp[]]

const SECRET = 'a secret of the test'
const CONTEXT = { secret: SECRET, target: '/users/me?a=1' }

const detail = answer({ detail: 'Not Found' })
const document = answer({
  components: { schemas: { 'a/b': { type: 'object' }, Loop: { $ref: '#/components/schemas/Loop' } } },
  schema: { $ref: '#/components/schemas/a~1b' },
  list: ['one', { $ref: '#/schema' }],
})

const rows: Row[] = [
  ['the status', detail, { status: 404 }, [/^status is 200, not 404/]],
  ['one status of several', detail, { statusIn: [400, 200] }, []],
  ['no status of several', detail, { statusIn: [400, 401] }, [/^status is 200, not 400 or 401/]],
  ['a server error that nobody asked about', { ...detail, status: 503 }, {}, [/server error/]],
  ['a server error that is expected', { ...detail, status: 500 }, { status: 500 }, [/server error/]],
  ['an expectation that is not known', detail, { cookies: [] } as Expectation, [/nobody checks: cookies/]],

  ['an absent header', detail, { headers: { allow: 'GET' } }, [/^header allow is absent/]],
  ['a header that must be absent', detail, { headers: { 'Content-Type': null } }, [/not absent/]],
  ['a repeated header', headers(['A', 'x'], ['a', 'x']), { headers: { a: 'x' } }, [/^header a is "x, x"/]],
  ['parameters of the media type', detail, { headers: { 'content-type': 'application/json' } }, []],
  ['the media type', detail, { headers: { 'content-type': 'text/html' } }, [/^header content-type/]],
  ['more methods than asked for', headers(['Allow', 'GET, HEAD']), { headers: { allow: 'GET' } }, []],
  [
    'fewer methods than asked for',
    headers(['Allow', 'HEAD']),
    { headers: { allow: 'GET' } },
    [/allow is "HEAD"/],
  ],
  [
    'an absolute location',
    headers(['Location', 'http://a:1/b/?c=%20']),
    { headers: { location: '/b/?c=%20' } },
    [],
  ],
  ['a relative location', headers(['Location', 'me/?a=1']), { headers: { location: '/users/me/?a=1' } }, []],
  ['the path of a location', headers(['Location', '/b']), { headers: { location: '/b/' } }, [/location/]],
  [
    'the query of a location',
    headers(['Location', '/b?c=+']),
    { headers: { location: '/b?c=%20' } },
    [/location/],
  ],

  ['equal JSON', answer({ b: [1, null], a: 'x' }), { json: { a: 'x', b: [1, null] } }, []],
  ['a body that is not JSON', { ...detail, body: Buffer.from('oops') }, { json: {} }, [/not JSON/]],
  ['a body that is not UTF-8', { ...detail, body: Buffer.from([255]) }, { json: {} }, [/UTF-8/]],
  [
    'JSON without its media type',
    { ...detail, headers: [] },
    { json: { detail: 'Not Found' } },
    [/not application/],
  ],
  [
    'another value',
    detail,
    { json: { detail: 'Not found' } },
    [/^body\.detail is "Not Found", not "Not found"/],
  ],
  ['a missing member', answer({}), { json: { constructor: null } }, [/^body\.constructor is absent/]],
  ['an extra member', answer({ a: 1, b: 2 }), { json: { a: 1 } }, [/^body\.b is 2, not absent/]],
  ['an extra member that is allowed', answer({ a: 1, b: 2 }), { json: { a: 1 }, extra: ['b'] }, []],
  ['an extra member deeper down', answer([{ b: 2 }]), { json: [{}], extra: ['b'] }, [/^body\[0\]\.b/]],
  ['the order of an array', answer([1, 2]), { json: [2, 1] }, [/^body\[0\]/, /^body\[1\]/]],
  ['the length of an array', answer([1, 2]), { json: [1] }, [/^body is \[1,2\]/]],

  [
    '$type',
    answer(['x', [], {}, null]),
    { json: ['string', 'array', 'object', 'null'].map(($type) => ({ $type })) },
    [],
  ],
  ['another $type', answer([]), { json: { $type: 'object' } }, [/not of type "object"/]],
  ['$startsWith', answer('3.0.1'), { json: { $startsWith: '3.1' } }, [/does not start with/]],
  ['$contains', answer([1, { a: 1 }, 2]), { json: { $contains: [{ a: 1 }, 1] } }, []],
  [
    '$contains with a missing one',
    answer([1, { a: 1 }]),
    { json: { $contains: [{}] } },
    [/does not contain/],
  ],

  ['bodyIncludes', detail, { bodyIncludes: ['Found', 'found'] }, [/^the body does not include "found"/]],
  [
    'a pointer',
    document,
    { jsonPointers: { '/components/schemas/a~1b/type': 'object', '/list/0': 'one' } },
    [],
  ],
  ['a pointer through references', document, { jsonPointers: { '/list/1/type': 'object' } }, []],
  [
    'a pointer to another value',
    document,
    { jsonPointers: { '/schema/type': 'array' } },
    [/^\/schema\/type is/],
  ],
  ['a pointer to nothing', document, { jsonPointers: { '/schema/toString': null } }, [/is missing/]],
  [
    'a reference to itself',
    document,
    { jsonPointers: { '/components/schemas/Loop/type': 'x' } },
    [/is missing/],
  ],
]

for (const [title, response, expect, differences] of rows) {
  t.test(title, async (t) => matchAll(t, compareResponse(response, expect, CONTEXT), differences))
}

const soon = { $now: 1800 }
const tokens: [title: string, recipe: Parameters<typeof makeToken>[0], differences: RegExp[]][] = [
  ['as the tutorial makes it', { payload: { sub: 'jo', exp: soon } }, []],
  ['with claims of its own', { payload: { sub: 'jo', exp: soon, jti: 'x', nbf: { $now: 0 } } }, []],
  ['with another subject', { payload: { sub: 'al', exp: soon } }, [/sub is "al"/]],
  ['expired', { payload: { sub: 'jo', exp: { $now: -1 } } }, [/not in the future/, /lifetime/]],
  ['living too long', { payload: { sub: 'jo', exp: { $now: 1830 } } }, [/the lifetime is/]],
  ['with a fraction', { payload: { sub: 'jo', exp: { $now: 1800.5 } } }, [/not an integer/]],
  ['with the wrong key', { payload: { sub: 'jo', exp: soon }, key: { text: 'x' } }, [/does not verify/]],
  ['damaged', { payload: { sub: 'jo', exp: soon }, edit: { append: '=' } }, [/not a JWT/]],
  ['of another algorithm', { header: { alg: 'HS384' }, payload: { sub: 'jo', exp: soon } }, [/alg/]],
  ['with crit', { header: { alg: 'HS256', crit: [] }, payload: { sub: 'jo', exp: soon } }, [/crit/]],
  ['for somebody', { payload: { sub: 'jo', exp: soon, aud: 'x', at_hash: 'x' } }, [/aud/, /at_hash/]],
  ['with a jti that is a number', { payload: { sub: 'jo', exp: soon, jti: 1 } }, [/jti/]],
  ['not valid yet', { payload: { sub: 'jo', exp: soon, nbf: { $now: 60 } } }, [/nbf/]],
]

for (const [title, recipe, differences] of tokens) {
  t.test(`$jwt ${title}`, async (t) => {
    const json = { $jwt: { sub: 'jo', lifetimeSeconds: 1800 } }
    const token = await makeToken(recipe, SECRET, () => Promise.reject(new Error('nobody logs in')))
    matchAll(t, compareResponse(answer(token), { json }, CONTEXT), differences)
  })
}

function answer(json: unknown): RawResponse {
  const type = 'application/json; charset=utf-8'
  return { status: 200, headers: [['Content-Type', type]], body: Buffer.from(JSON.stringify(json)) }
}

function headers(...list: [string, string][]): RawResponse {
  return { status: 200, headers: list, body: Buffer.alloc(0) }
}

function matchAll(t: Test, found: string[], expected: RegExp[]): void {
  t.equal(found.length, expected.length, found.join('\n') || 'no differences')
  expected.forEach((pattern, index) => {
    t.match(found[index], pattern)
  })
}
