import { readFileSync } from 'node:fs'
import t, { type Test } from 'tap'
import { hashPassword } from '../../src/passwords/hash-password.js'
import { startApp } from '../helpers/app.js'
import { storeClient } from '../helpers/clients.js'

type Form = Record<string, string>

const { strings } = JSON.parse(readFileSync('test/vectors/blns.json', 'utf8')) as {
  strings: string[]
}
/** An empty parameter counts as omitted. */
const naughty = strings.filter((text) => text !== '')

/** Form-encoded text that no JavaScript string encodes to. */
const encoded = [
  ...[
    '%00',
    'a%00b',
    '%0',
    '%',
    '%%',
    '%zz',
    '%u0041',
    '%ff',
    '%c0%80',
    '%ed%a0%80',
    '%ed%b0%80',
    '%f8%88%80%80%80',
  ],
  ...[
    '%f4%90%80%80',
    '%e2%82',
    'a%0d%0aX: y',
    '%7f',
    '%1b',
    '%ef%bb%bf',
    'a'.repeat(15_000),
    '%41'.repeat(4_000),
  ],
]

const app = await startApp(t)
const secret = 'of the application'
await storeClient(app.database, 'application', secret)
await app.database.user.update({
  where: { username: 'johndoe' },
  data: { hashedPassword: await hashPassword('secret', 4), rehashedAt: new Date() },
})

const credentials: Form = { client_id: 'application', client_secret: secret }
/** Requests that fail. In each of them one parameter is replaced. */
const requests: [url: string, form: Form][] = [
  ['/token', { grant_type: 'password', username: 'johndoe', password: 'wrong', scope: 'me', ...credentials }],
  ['/token', { grant_type: 'refresh_token', refresh_token: 'lkr_unknown', scope: 'me', ...credentials }],
  ['/token', { grant_type: 'client_credentials', scope: 'unknown', resource: 'urn:unknown', ...credentials }],
  ['/revoke', { token: 'lkr_unknown', token_type_hint: 'refresh_token', ...credentials }],
  ['/introspect', { token: 'lkr_unknown', token_type_hint: 'access_token', ...credentials }],
]
const nameOf = (url: string, form: Form) => form.grant_type ?? url

const formType = 'application/x-www-form-urlencoded'
const encodeForm = (form: Form) => new URLSearchParams(form).toString()
const without = (form: Form, ...names: string[]) =>
  Object.fromEntries(Object.entries(form).filter(([name]) => !names.includes(name)))

for (const [url, form] of requests)
  t.test(`${nameOf(url, form)}: odd strings in any parameter`, async (t) => {
    const before = await countRows()
    for (const name of Object.keys(form)) {
      const rest = encodeForm(without(form, name))
      const values = [...naughty.map((text) => encodeURIComponent(text)), ...encoded]
      await inBatches(values, async (value) => {
        const response = await send(url, `${rest}&${name}=${value}`)
        isRefusal(t, response, `${name}=${value.slice(0, 60)}`, url)
      })
      const bytes = Buffer.concat([Buffer.from(`${rest}&${name}=`), Buffer.from([0xff, 0xfe, 0x00, 0xc0])])
      isRefusal(t, await send(url, bytes), `${name} of raw bytes`, url)
      isRefusal(t, await send(url, `${rest}&${name}=${'a'.repeat(100_000)}`), `${name} of 100 KB`, url)
    }
    t.ok(naughty.length > 500, 'the list of strings was loaded')
    t.same(await countRows(), before, 'nothing was stored')
  })

t.test('a parameter that is repeated', async (t) => {
  const before = await countRows()
  for (const [url, form] of requests)
    for (const [name, value] of Object.entries(form))
      for (const again of [value, 'another']) {
        const response = await send(url, `${encodeForm(form)}&${name}=${encodeURIComponent(again)}`)
        t.equal(response.statusCode, 400, `${nameOf(url, form)} ${name}`)
        const error = name === 'resource' ? 'invalid_target' : 'invalid_request'
        t.match(response.json(), { error, detail: /repeated/ })
      }
  t.same(await countRows(), before)
})

t.test('a parameter that is missing or empty', async (t) => {
  const before = await countRows()
  for (const [name, missing, status, error] of [
    ['password', 'username', 422, 'invalid_request'],
    ['password', 'password', 422, 'invalid_request'],
    ['refresh_token', 'refresh_token', 400, 'invalid_request'],
    ['client_credentials', 'client_secret', 401, 'invalid_client'],
    ['client_credentials', 'client_id', 401, 'invalid_client'],
    ['/revoke', 'token', 400, 'invalid_request'],
    ['/introspect', 'token', 400, 'invalid_request'],
    ['/introspect', 'client_secret', 401, 'invalid_client'],
    ['/introspect', 'client_id', 401, 'invalid_client'],
  ] as const) {
    const [url, form] = requests.find(([url, form]) => nameOf(url, form) === name) as [string, Form]
    for (const body of [encodeForm(without(form, missing)), encodeForm({ ...form, [missing]: '' })]) {
      const response = await send(url, body)
      t.equal(response.statusCode, status, `${name} without ${missing}`)
      t.match(response.json(), { error }, `${name} without ${missing}`)
      isRefusal(t, response, `${name} without ${missing}`)
    }
  }
  t.same(await countRows(), before)
})

const otherBodies: [what: string, type: string, encode: (form: Form) => string][] = [
  ['JSON', 'application/json', JSON.stringify],
  ['JSON that calls itself a form', formType, JSON.stringify],
  ['malformed JSON', 'application/json', () => '{'],
  ['JSON of 5,000 arrays', 'application/json', () => '['.repeat(5_000)],
  ['a form of no type', '', encodeForm],
  ['a form as plain text', 'text/plain', encodeForm],
  ['a form as another multipart type', 'multipart/mixed; boundary=x', encodeForm],
  ['a type that begins like it', `${formType}x`, encodeForm],
  ['a malformed type', ';;;', encodeForm],
  ['nothing', formType, () => ''],
]

t.test('a body of another content type counts as an empty form', async (t) => {
  const before = await countRows()
  for (const [what, type, encode] of otherBodies)
    for (const [url, form] of requests) {
      const response = await send(url, encode(form), { 'content-type': type })
      if (url === '/token') {
        t.equal(response.statusCode, 422, what)
        t.same(Object.keys(response.json()), ['detail'], 'without a grant type the request is the tutorial’s')
      } else {
        t.equal(response.statusCode, 400, what)
        isRefusal(t, response, what)
      }
    }
  for (const [url, form] of requests) {
    const response = await send(url, encodeForm(form), {
      'content-type': `${formType.toUpperCase()} ; charset=x`,
    })
    if (url === '/token') isRefusal(t, response, 'a charset')
    else t.equal(response.statusCode, 200, 'a charset')
  }
  t.same(await countRows(), before)
})

const base64 = (text: string | Buffer) => Buffer.from(text).toString('base64')
const headers: [what: string, header: string][] = [
  ['nothing', 'Basic'],
  ['a space', 'Basic '],
  ['no base64', 'Basic !!!!'],
  ['no colon', `Basic ${base64('application')}`],
  ['a colon that is encoded', `Basic ${base64('application%3Aof+the+application')}`],
  ['no id', `Basic ${base64(':of+the+application')}`],
  ['no secret', `Basic ${base64('application:')}`],
  ['another secret', `Basic ${base64('application:of+the+applications')}`],
  ['broken percent-encoding of the id', `Basic ${base64('%:of+the+application')}`],
  ['broken percent-encoding of the secret', `Basic ${base64('application:%zz')}`],
  ['percent-encoding of no UTF-8', `Basic ${base64('application:%ff')}`],
  ['no UTF-8', `Basic ${base64(Buffer.from([0xff, 0x3a, 0xff]))}`],
  ['half a surrogate pair', `Basic ${base64(Buffer.from([0x61, 0x3a, 0xed, 0xa0, 0x80]))}`],
  ['NUL', `Basic ${base64('application:\0')}`],
  ['NUL in the id', `Basic ${base64('application%00:of+the+application')}`],
  ['a hex dump', `Basic ${Buffer.from('application:of+the+application').toString('hex')}`],
  ['it twice', `Basic Basic ${base64('application:of+the+application')}`],
  ['15 KB', `Basic ${base64(`${'a'.repeat(5_000)}:${'b'.repeat(5_000)}`)}`],
  ['colons', `Basic ${base64(':'.repeat(5_000))}`],
  ['__proto__', `Basic ${base64('__proto__:constructor')}`],
]

t.test('a Basic header without valid client credentials', async (t) => {
  const before = await countRows()
  for (const [what, authorization] of headers)
    for (const [url, form] of requests) {
      const body = encodeForm(without(form, 'client_id', 'client_secret'))
      const response = await send(url, body, { authorization })
      t.equal(response.statusCode, 401, `${what} ${nameOf(url, form)}`)
      t.match(response.json(), { error: 'invalid_client' }, what)
      t.match(response.headers['www-authenticate'], /^Basic realm="/, what)
      isRefusal(t, response, what)
    }
  const authorization = `Basic ${base64('application:of+the+application')}`
  for (const [url, form] of requests) {
    const both = await send(url, encodeForm(form), { authorization })
    t.equal(both.statusCode, 400, 'two authentication methods')
    t.match(both.json(), { error: 'invalid_request' })
    const two = { client_id: 'first-party', ...without(form, 'client_id', 'client_secret') }
    t.equal((await send(url, encodeForm(two), { authorization })).statusCode, 400, 'two client ids')
  }
  t.same(await countRows(), before)
})

const secrets = [
  ...[
    'a:b',
    ':',
    '::',
    'a%b',
    '%41',
    '%',
    '%zz',
    '100%25',
    'a+b',
    '+',
    'a b',
    ' a ',
    'a&b=c',
    'a"b',
    "a'b",
    'a\\b',
    '~-._*',
  ],
  ...[
    'é',
    'e\u0301',
    '£',
    '密码',
    '🔑',
    '\u{10ffff}',
    '\ufeffa',
    'a\nb',
    'a\u0000b',
    'ﬀ',
    'İ',
    '\u202e',
    'a'.repeat(5_000),
  ],
]

t.test(
  'secrets with unusual characters are accepted, form-encoded in the header and in the body',
  async (t) => {
    for (const [index, odd] of secrets.entries()) {
      const clientId = `odd-${index}`
      await storeClient(app.database, clientId, odd)
      const encodedSecret = new URLSearchParams([['', odd]]).toString().slice(1)
      const asksFor = { grant_type: 'client_credentials', scope: 'me' }
      for (const authorization of [
        `Basic ${base64(`${clientId}:${encodedSecret}`)}`,
        `basic  ${base64(`${clientId}:${encodeURIComponent(odd)}`)}`,
      ])
        t.equal((await send('/token', encodeForm(asksFor), { authorization })).statusCode, 200, odd)
      const inBody = encodeForm({ ...asksFor, client_id: clientId, client_secret: odd })
      t.equal((await send('/token', inBody)).statusCode, 200, odd)
      const encodedTwice = encodeForm({ ...asksFor, client_id: clientId, client_secret: encodedSecret })
      t.equal((await send('/token', encodedTwice)).statusCode, encodedSecret === odd ? 200 : 401, odd)
      const authorization = `Basic ${base64(`${clientId}:${odd}`)}`
      const isSame = decodesToItself(odd)
      t.equal(
        (await send('/token', encodeForm(asksFor), { authorization })).statusCode,
        isSame ? 200 : 401,
        odd,
      )
    }
  },
)

function decodesToItself(text: string): boolean {
  try {
    return decodeURIComponent(text.replaceAll('+', ' ')) === text
  } catch {
    return false
  }
}

function send(url: string, payload: string | Buffer, headers: Record<string, string> = {}) {
  return app.inject({ method: 'POST', url, payload, headers: { 'content-type': formType, ...headers } })
}

type Sent = Awaited<ReturnType<typeof send>>

/**
 * Asserts an error response (RFC 6749 §5.2) or, at an endpoint that reports success for an unknown token, that
 * response.
 */
function isRefusal(t: Test, response: Sent, what: string, url = ''): void {
  const body = response.json<Record<string, unknown>>()
  const problems = [
    ...(String(response.headers['content-type']).startsWith('application/json') ? [] : ['content type']),
    ...(response.headers['cache-control'] === 'no-store' ? [] : ['cache control']),
    ...(isUnknownToken(url, response) || isOAuthError(response.statusCode, body) ? [] : ['shape']),
  ]
  if (problems.length > 0) t.fail(`${what}: ${problems} of ${response.statusCode} ${response.body}`)
}

function isUnknownToken(url: string, { statusCode, body }: Sent): boolean {
  const answers: Record<string, string> = { '/revoke': '{}', '/introspect': '{"active":false}' }
  return statusCode === 200 && body === answers[url]
}

/** Returns whether the description is the detail, or names the refused scope-tokens. */
function isDescribed(detail: string, description: unknown): boolean {
  return detail === description || String(description).startsWith('The scope exceeds what is allowed: ')
}

function isOAuthError(
  status: number,
  { error, error_description, detail }: Record<string, unknown>,
): boolean {
  const isText =
    typeof detail === 'string'
      ? isDescribed(detail, error_description)
      : status === 422 && Array.isArray(detail)
  return (
    [400, 401, 413, 422].includes(status) &&
    /^(invalid_(request|client|grant|scope|target)|unauthorized_client|unsupported_grant_type)$/.test(
      String(error),
    ) &&
    /^[\x20-\x21\x23-\x5b\x5d-\x7e]+$/.test(String(error_description)) &&
    isText
  )
}

async function inBatches<T>(values: T[], action: (value: T) => Promise<void>, size = 50): Promise<void> {
  for (let start = 0; start < values.length; start += size)
    await Promise.all(values.slice(start, start + size).map(action))
}

function countRows() {
  const { tokenFamily, refreshToken, revokedToken, client, clientSecret, user } = app.database
  return Promise.all([
    tokenFamily.count(),
    refreshToken.count(),
    revokedToken.count(),
    client.count(),
    clientSecret.count(),
    user.count(),
  ])
}
