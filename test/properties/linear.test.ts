import formats from 'ajv-formats/dist/formats.js'
import type { FastifyInstance, InjectOptions } from 'fastify'
import { analyse } from 'scslre'
import t from 'tap'
import { getAs, logIn, startApp } from '../helpers/app.js'

/** What hostile input is made of: the characters that parsers split at, one by one and in pairs. */
const pieces = [
  '/',
  ' ',
  '%',
  '%2',
  '=',
  '&',
  ',',
  '"',
  '.',
  ':',
  ';',
  '+',
  '-',
  '\\',
  '@',
  'a',
  '0',
  'W/"',
  '",',
]

/** Sizes of input. What takes time in proportion to its input takes ten times as long at most for the second. */
const smallSize = 1_500
const largeSize = 15_000

type Send = (input: string) => Promise<unknown>

/** Every door through which a caller's text reaches a parser of ours. */
function doorsOf(app: FastifyInstance, token: string): Record<string, Send> {
  const inject = async (request: InjectOptions) => app.inject(request)
  const asUser = (url: string, headers: Record<string, string>) =>
    inject({ url, headers: { authorization: `Bearer ${token}`, ...headers } })
  const form = (url: string, payload: string, headers: Record<string, string> = {}) =>
    inject({
      method: 'POST',
      url,
      payload,
      headers: { 'content-type': 'application/x-www-form-urlencoded', ...headers },
    })
  return {
    path: (input) => inject({ url: `/${encodeURI(input)}x/` }),
    'path of a user': (input) => inject({ url: `/users/${encodeURI(input)}x/` }),
    query: (input) => asUser(`/users/me/items/?title_contains=${encodeURIComponent(input)}`, {}),
    'raw query': (input) => asUser(`/users/me/items/?${encodeURI(input)}x`, {}),
    cursor: (input) => asUser(`/users/me/items/?cursor=${encodeURIComponent(input)}`, {}),
    'a bearer token': (input) =>
      inject({ url: '/users/me/', headers: { authorization: `Bearer ${input}x` } }),
    'an authorization header': (input) =>
      inject({ url: '/users/me/', headers: { authorization: `x${input}x` } }),
    'basic credentials': (input) => form('/introspect', 'token=x', { authorization: `Basic ${input}x` }),
    'decoded basic credentials': (input) =>
      form('/introspect', 'token=x', {
        authorization: `Basic ${Buffer.from(`x${input}x`).toString('base64')}`,
      }),
    'entity tags to read': (input) => asUser('/users/me/items/Foo', { 'if-none-match': `${input}x` }),
    'a content type': (input) => form('/token', 'a=b', { 'content-type': `x${input}x` }),
    'an address of a proxy': (input) =>
      inject({ url: '/livez', headers: { 'x-forwarded-for': `x${input}x` } }),
    form: (input) => form('/token', `${input}x`),
    'a field of a form': (input) =>
      form('/token', `username=${encodeURIComponent(input).slice(0, 15_000)}&password=x`),
    'an address of mail': (input) =>
      inject({ method: 'POST', url: '/account/forgot-password', payload: { email: `x${input}x` } }),
  }
}

/** Linear costs grow as the size does, tenfold at most, and quadratic ones a hundredfold: other work of the machine is in between. */
const maxGrowth = 40

/** How many times as long the large input takes, where it takes the least time of up to five tries. */
async function growthOf(send: Send, piece: string): Promise<number> {
  const [small = '', large = ''] = [smallSize, largeSize].map((size) => piece.repeat(size / piece.length))
  const times = { small: Number.POSITIVE_INFINITY, large: Number.POSITIVE_INFINITY }
  for (let run = 0; run < 5; run++) {
    times.small = Math.min(times.small, await timeOf(() => send(small)))
    times.large = Math.min(times.large, await timeOf(() => send(large)))
    if (times.large < 10 * times.small) break
  }
  return times.large / times.small
}

async function timeOf(work: () => Promise<unknown>): Promise<number> {
  const beganAt = performance.now()
  await work()
  return performance.now() - beganAt
}

t.test('no answer takes time that grows faster than its input', async (t) => {
  const app = await startApp(t, { TRUST_PROXY: '127.0.0.1' })
  const token = await logIn(app, 'johndoe', 'secret')
  t.equal((await getAs(app, token, '/users/me/')).statusCode, 200)
  for (const [door, send] of Object.entries(doorsOf(app, token))) {
    const tooSlow: string[] = []
    for (const piece of pieces) {
      const growth = await growthOf(send, piece)
      if (growth > maxGrowth) tooSlow.push(`${piece}: ${growth.toFixed(1)} times`)
    }
    t.same(tooSlow, [], door)
  }
})

interface Keywords {
  pattern?: unknown
  format?: unknown
}

/** The schema keywords that hold expressions, wherever they stand. */
function* keywordsIn(value: unknown): Generator<Keywords> {
  if (typeof value !== 'object' || value === null) return
  yield value as Keywords
  for (const member of Object.values(value)) yield* keywordsIn(member)
}

t.test('no expression in a schema takes more than linear time', async (t) => {
  const app = await startApp(t)
  await app.ready()
  const keywords = [...keywordsIn(app.swagger())]
  const patterns = new Set(keywords.map(({ pattern }) => pattern).filter((one) => typeof one === 'string'))
  const names = new Set(keywords.map(({ format }) => format).filter((one) => typeof one === 'string'))
  t.ok(patterns.size > 0 && names.has('email'))
  const expressions = [
    ...[...patterns].map((pattern) => new RegExp(pattern, 'u')),
    ...[...names]
      .map((name) => formats.fullFormats[name as 'email'] as unknown)
      .filter((one) => one instanceof RegExp),
  ]
  for (const expression of expressions) {
    const { reports } = analyse(expression)
    t.same(
      reports.map(({ character, type }) => `${type} ${character.pick}`),
      [],
      String(expression).slice(0, 60),
    )
  }
})
