import formats from 'ajv-formats/dist/formats.js'
import type { FastifyInstance, InjectOptions } from 'fastify'
import { analyse } from 'scslre'
import t from 'tap'
import { logIn, startApp } from '../helpers/app.js'
import { as } from '../helpers/client.js'

/** Characters and pairs that parsers treat as separators: hostile input consists of their repetitions. */
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

/** Sizes of input (characters). With linear time, the second takes at most ten times as long as the first. */
const smallSize = 1_500
const largeSize = 15_000

type Send = (input: string) => Promise<unknown>

/** Returns every way in which a client's text reaches a parser. */
function entriesOf(app: FastifyInstance, token: string): Record<string, Send> {
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
    'the name in a multipart form': (input) =>
      form('/token', `--x\r\nContent-Disposition: form-data; name=${input}\r\n\r\nx\r\n--x--`, {
        'content-type': 'multipart/form-data; boundary=x',
      }),
    'a multipart form': (input) =>
      form('/token', `\r\n--x${input}`, { 'content-type': 'multipart/form-data; boundary=x' }),
    'the boundary of a multipart form': (input) =>
      form('/token', input, { 'content-type': `multipart/form-data; boundary=${input}` }),
    'a content coding': (input) => inject({ url: '/livez', headers: { 'content-encoding': input } }),
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

/** Linear time grows tenfold, quadratic time a hundredfold. The limit in between allows for other load on the machine. */
const maxGrowth = 40

/** Returns how many times as long the large input takes, by the shortest time of several attempts: of more while load disturbs them. */
async function growthOf(send: Send, piece: string): Promise<number> {
  const small = piece.repeat(smallSize / piece.length)
  const large = piece.repeat(largeSize / piece.length)
  const times = { small: Number.POSITIVE_INFINITY, large: Number.POSITIVE_INFINITY }
  for (let run = 1; run <= 25; run++) {
    times.small = Math.min(times.small, await timeOf(() => send(small)))
    times.large = Math.min(times.large, await timeOf(() => send(large)))
    if (times.large < (run < 5 ? 10 : maxGrowth) * times.small) break
  }
  return times.large / times.small
}

async function timeOf(work: () => Promise<unknown>): Promise<number> {
  const beganAt = performance.now()
  await work()
  return performance.now() - beganAt
}

t.test('no request takes time that grows faster than its input', async (t) => {
  const app = await startApp(t, { TRUST_PROXY: '127.0.0.1' })
  const token = await logIn(app, 'johndoe', 'secret')
  t.equal((await as(app, token).get('/users/me/')).statusCode, 200)
  for (const [entry, send] of Object.entries(entriesOf(app, token))) {
    const tooSlow: string[] = []
    for (const piece of pieces) {
      const growth = await growthOf(send, piece)
      if (growth > maxGrowth) tooSlow.push(`${piece}: ${growth.toFixed(1)} times`)
    }
    t.same(tooSlow, [], entry)
  }
})

interface Keywords {
  pattern?: unknown
  format?: unknown
}

/** Yields every object within a schema, with the keywords that may hold a regular expression. */
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
  const formatPatterns = [...names]
    .map((name) => formats.fullFormats[name as 'email'] as unknown)
    .filter((one) => one instanceof RegExp)
  const expressions = [...[...patterns].map((pattern) => new RegExp(pattern, 'u')), ...formatPatterns]
  for (const expression of expressions) {
    const { reports } = analyse(expression)
    t.same(
      reports.map(({ character, type }) => `${type} ${character.pick}`),
      [],
      String(expression).slice(0, 60),
    )
  }
})
