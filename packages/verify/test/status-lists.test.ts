import { base64url } from 'jose'
import t from 'tap'
import type { TestIssuer } from '../src/testing.js'
import { controlTimeouts, createSilence, now, type Setting, start, urls } from './helpers/verifier.js'

/** Compresses the bytes of a list. */
async function deflate(bytes: Uint8Array<ArrayBuffer>): Promise<string> {
  const stream = new Blob([bytes]).stream().pipeThrough(new CompressionStream('deflate'))
  return base64url.encode(new Uint8Array(await new Response(stream).arrayBuffer()))
}

interface ListOptions {
  claims?: Record<string, unknown>
  header?: Record<string, unknown>
}

/** Signs a list of 16 entries, of which entry 9 is revoked, with other claims if they are given. */
async function signList(issuer: TestIssuer, { claims, header }: ListOptions = {}): Promise<string> {
  const lst = await deflate(new Uint8Array([0, 0b10]))
  return issuer.token({
    status: false,
    expiresIn: 600,
    header: { typ: 'statuslist+jwt', ...header },
    claims: { sub: urls.list, ttl: 3, status_list: { bits: 1, lst }, ...claims },
  })
}

/** Answers requests for the list with a text. */
function serveList(
  { answer }: Setting,
  list: string | (() => Promise<string>),
  headers: Record<string, string> = {},
) {
  answer(urls.list, async () => new Response(typeof list === 'string' ? list : await list(), { headers }))
}

const entry = (idx: unknown, uri: unknown = urls.list) => ({
  claims: { status: { status_list: { idx, uri } } },
})

t.test('a revoked token is refused within the promised delay, and no other', async (t) => {
  const { verify, bearer, issuer } = await start()
  t.equal(verify.maxRevocationDelayMs, 5_000)
  const [first, second] = [await bearer(), await bearer()]
  t.ok(await verify(first))
  issuer.revoke(first.slice('Bearer '.length))
  t.ok(await verify(first), 'the list is less than two seconds old')
  issuer.clock.advance(3_000)
  await t.rejects(verify(first), {
    code: 'token_revoked',
    status: 401,
    challenge:
      'Bearer realm="Latchkey", error="invalid_token", error_description="The access token was revoked"',
  })
  t.ok(await verify(second))
})

t.test('the promised delay follows from the settings', async (t) => {
  t.equal((await start({ statusPollMs: 500 })).verify.maxRevocationDelayMs, 2_500)
  t.equal((await start({ checkStatus: false })).verify.maxRevocationDelayMs, null)
})

t.test('every time between two fetches serves, also one that cannot be divided by three', async (t) => {
  for (const [statusPollMs, timeoutMs] of [
    [2_000, 1_334],
    [1_000, 667],
    [500, 334],
    [1, 1],
  ] as const) {
    const { durations } = controlTimeouts(t)
    const { verify, bearer, issuer, events } = await start({ statusPollMs })
    const [good, revoked] = [await bearer(), await bearer()]
    issuer.revoke(revoked.slice('Bearer '.length))
    t.ok(await verify(good), `${statusPollMs} ms`)
    await t.rejects(verify(revoked), { code: 'token_revoked' })
    t.same(durations, [5_000, 5_000, timeoutMs])
    issuer.fail('network')
    issuer.clock.advance(statusPollMs)
    t.ok(await verify(good), 'the copy')
    t.match(events.at(-2), { type: 'document_failed', retryInMs: Math.ceil(statusPollMs / 3) })
  }
})

t.test('a token is checked before its list is fetched', async (t) => {
  const { verify, bearer, count } = await start()
  await t.rejects(verify(await bearer({ expiresIn: -60 })), { code: 'token_expired' })
  await t.rejects(verify(await bearer({ header: { kid: 'unknown' } })), { code: 'unknown_key' })
  t.equal(count(urls.list), 0)
  await t.rejects(verify(await bearer(), { scope: 'orders:read' }), { code: 'insufficient_scope' })
  t.equal(count(urls.list), 1, 'a revoked token is not asked for another scope')
})

t.test('a list is fetched in the background while it is in use, and conditionally', async (t) => {
  const setting = await start()
  const { verify, bearer, issuer, count, next } = setting
  const header = await bearer()
  await Promise.all(Array.from({ length: 10 }, () => verify(header)))
  t.equal(count(urls.list), 1)
  issuer.clock.advance(2_000)
  const fetched = next('document_fetched', 'status_list')
  await verify(header)
  t.match(await fetched, { url: urls.list, changed: false }, '304')
  issuer.clock.advance(60_000)
  t.equal(count(urls.list), 2, 'nobody asks')
  await verify(header)
  t.equal(count(urls.list), 3)
  t.match(setting.events.at(-2), { type: 'document_fetched', changed: true }, 'signed in another minute')
})

t.test('lists are not looked at if that is off', async (t) => {
  const { verify, bearer, issuer, count } = await start({ checkStatus: false })
  const token = await issuer.token()
  issuer.revoke(token)
  t.ok(await verify(`Bearer ${token}`))
  t.ok(await verify(await bearer({ claims: { status: 1 } })))
  t.equal(count(urls.list), 0)
})

t.test('an entry that is not valid, or that no list has, is refused', async (t) => {
  const setting = await start({ statusOrigins: ['https://lists.test'] })
  const { verify, bearer, issuer, answer, events } = setting
  serveList(setting, await signList(issuer))
  t.ok(await verify(await bearer(entry(8))))
  t.ok(await verify(await bearer(entry(15))))
  await t.rejects(verify(await bearer(entry(9))), { code: 'token_revoked' })
  for (const idx of [16, 2 ** 20, 2 ** 53 - 1, 2 ** 53, -1, 0.5, '8', null, undefined])
    await t.rejects(verify(await bearer(entry(idx))), { code: 'bad_status' }, String(idx))
  for (const uri of [
    'https://other.test/list',
    'http://latchkey.test/status-lists/test',
    '/list',
    '',
    1,
    null,
  ])
    await t.rejects(verify(await bearer(entry(8, uri))), { code: 'bad_status' }, String(uri))
  const { length } = events
  const spellings = [
    'https://user@latchkey.test/status-lists/test',
    'https://user:password@latchkey.test/status-lists/test',
    'https://latchkey.test@other.test/status-lists/test',
    'https://latchkey.test:443/status-lists/test',
    'HTTPS://LATCHKEY.TEST/status-lists/test',
    'https://latchkey.test',
    'https://latchkey.test/x/../status-lists/test',
    'https://latchkey.test/status-lists/te\tst',
    'https://latchkey.test/status-lists/test#',
    'https://latchkey.test/status-lists/test#x',
    'blob:https://latchkey.test/status-lists/test',
    ' https://latchkey.test/status-lists/test',
  ]
  for (const uri of spellings)
    await t.rejects(verify(await bearer(entry(8, uri))), { code: 'bad_status' }, uri)
  t.ok(
    events.slice(length).every(({ type }) => type === 'token_refused'),
    'nothing is fetched',
  )
  const elsewhere = 'https://lists.test/1'
  const list = await signList(issuer, { claims: { sub: elsewhere } })
  answer(elsewhere, () => new Response(list))
  t.ok(await verify(await bearer(entry(8, elsewhere))))
})

t.test('an issuer may be spelled in another way, as long as its lists are spelled alike', async (t) => {
  const spelled = 'https://Latchkey.test:443'
  const { verify, issuer, answer } = await start({ issuer: spelled })
  answer(urls.metadata, () => Response.json({ issuer: spelled, jwks_uri: urls.jwks }))
  const uri = `${spelled}/status-lists/test`
  const list = await signList(issuer, { claims: { sub: uri } })
  answer(uri, () => new Response(list))
  const tokenAt = (uri: string) =>
    issuer.token({ claims: { iss: spelled, status: { status_list: { idx: 8, uri } } } })
  t.ok(await verify(`Bearer ${await tokenAt(uri)}`))
  await t.rejects(verify(`Bearer ${await tokenAt(urls.list)}`), { code: 'bad_status' })
})

const notFound = { detail: 'Not Found', code: 'not_found' }

t.test('a retired list refuses its tokens', async (t) => {
  const { verify, bearer, answer, issuer } = await start()
  const header = await bearer()
  t.ok(await verify(header))
  answer(urls.list, () => Response.json(notFound, { status: 404 }))
  issuer.clock.advance(3_000)
  await t.rejects(verify(header), { code: 'bad_status', status: 401 })
  answer(urls.list, null)
  await t.rejects(verify(header), { code: 'bad_status' }, 'it is not asked for again at once')
  issuer.clock.advance(3_000)
  t.ok(await verify(header))
  const uri = 'https://latchkey.test/status-lists/retired'
  await t.rejects(verify(await bearer(entry(0, uri))), { code: 'bad_status' }, 'the issuer of tests says so')
})

/** Responses with 404 of somebody else than the issuer: of gateways, and of a replica that serves no lists. */
const foreign: [situation: string, body: string | null, type?: string][] = [
  ['is empty', null],
  ['is a page', '<h1>404</h1>', 'text/html'],
  ['is XML', '<Error/>', 'application/xml'],
  ['is of a gateway', '{"message":"no Route matched with those values"}', 'application/json'],
  ['has another code', '{"detail":"Not Found","code":"NOT_FOUND"}', 'application/json'],
  ['has a code and no detail', '{"code":"not_found","message":"no method"}', 'application/json'],
  ['is of a replica without lists', '{"detail":"Not Found"}', 'application/json'],
  ['is no object', '["not_found"]', 'application/json'],
  ['is too long', JSON.stringify({ ...notFound, padding: 'x'.repeat(4_096) }), 'application/json'],
]

for (const [situation, body, type = ''] of foreign)
  t.test(`a 404 that ${situation} is a failure, and no retired list`, async (t) => {
    const { verify, bearer, answer, issuer, events } = await start()
    const respond = () => new Response(body, { status: 404, headers: { 'content-type': type } })
    const header = await bearer()
    answer(urls.list, respond)
    await t.rejects(verify(header), { code: 'status_unavailable', cause: { code: 'bad_status' } })
    answer(urls.list, null)
    issuer.clock.advance(3_000)
    t.ok(await verify(header))
    answer(urls.list, respond)
    issuer.clock.advance(3_000)
    t.ok(await verify(header), 'the copy is used')
    t.match(events.at(-2), { type: 'document_failed', error: { code: 'bad_status' } })
  })

const tooLarge = deflate(new Uint8Array(131_073))
const full = deflate(new Uint8Array(131_072))
const cut = full.then((lst) => lst.slice(0, -8))

/** Lists that are refused, and what the cause says. */
const malformed: [situation: string, list: () => Promise<ListOptions>, cause: RegExp][] = [
  ['is an access token', async () => ({ header: { typ: 'at+jwt' } }), /not an access token/],
  ['has no type', async () => ({ header: { typ: undefined } }), /not an access token/],
  ['is signed with an unknown key', async () => ({ header: { kid: 'unknown' } }), /unknown key/],
  ['is that of another URI', async () => ({ claims: { sub: `${urls.list}2` } }), /that of "https/],
  ['has no sub', async () => ({ claims: { sub: undefined } }), /that of undefined/],
  ['has no exp', async () => ({ claims: { exp: undefined } }), /must be numbers/],
  ['has no iat', async () => ({ claims: { iat: undefined } }), /must be numbers/],
  ['has an exp that is no number', async () => ({ claims: { exp: '9999999999' } }), /must be numbers/],
  ['has a negative ttl', async () => ({ claims: { ttl: -1 } }), /must be numbers/],
  ['has a ttl that is no number', async () => ({ claims: { ttl: '3' } }), /must be numbers/],
  ['has expired', async () => ({ claims: { exp: now / 1000 } }), /has expired/],
  ['has no status_list', async () => ({ claims: { status_list: undefined } }), /must have bits/],
  ['has a status_list that is a list', async () => ({ claims: { status_list: [1] } }), /must have bits/],
  [
    'has two bits an entry',
    async () => ({ claims: { status_list: { bits: 2, lst: await full } } }),
    /must have bits/,
  ],
  [
    'has bits that are a text',
    async () => ({ claims: { status_list: { bits: '1', lst: await full } } }),
    /must have/,
  ],
  ['has no lst', async () => ({ claims: { status_list: { bits: 1 } } }), /must have bits/],
  ['has an lst that is no base64url', async () => ({ claims: { status_list: { bits: 1, lst: '%' } } }), /./],
  ['has an empty lst', async () => ({ claims: { status_list: { bits: 1, lst: '' } } }), /./],
  ['is not compressed', async () => ({ claims: { status_list: { bits: 1, lst: 'AAAA' } } }), /./],
  ['is cut', async () => ({ claims: { status_list: { bits: 1, lst: await cut } } }), /./],
  [
    'is too large',
    async () => ({ claims: { status_list: { bits: 1, lst: await tooLarge } } }),
    /more than 131072 bytes/,
  ],
]

for (const [situation, options, cause] of malformed)
  t.test(`a list is refused that ${situation}`, async (t) => {
    const setting = await start()
    serveList(setting, await signList(setting.issuer, await options()))
    const header = await setting.bearer(entry(8))
    const error = await setting.verify(header).catch((caught) => caught)
    t.match(error, { code: 'status_unavailable', status: 503, retryable: true, challenge: null })
    t.match(error.cause, { name: 'DocumentError', document: 'status_list', code: 'invalid', url: urls.list })
    t.match(error.cause.cause.message, cause)
    await t.rejects(setting.verify(header), { code: 'status_unavailable' })
    t.equal(setting.count(urls.list), 1, 'failures have a cooldown')
  })

t.test('the largest list is accepted, and a ttl is not required', async (t) => {
  const setting = await start()
  const claims = { ttl: undefined, status_list: { bits: 1, lst: await full } }
  serveList(setting, await signList(setting.issuer, { claims }))
  t.ok(await setting.verify(await setting.bearer(entry(2 ** 20 - 1))))
  await t.rejects(setting.verify(await setting.bearer(entry(2 ** 20))), { code: 'bad_status' })
})

t.test('a ttl makes the verifier ask sooner, but not more often than once a second', async (t) => {
  for (const [ttl, seconds] of [
    [0, 1],
    [1, 1],
    [2, 2],
    [3_600, 3],
  ] as const) {
    const setting = await start()
    const { verify, bearer, issuer, count } = setting
    serveList(setting, () => signList(issuer, { claims: { ttl } }))
    const header = await bearer(entry(8))
    await verify(header)
    issuer.clock.advance(seconds * 1_000 - 1)
    const fetched = setting.next('document_fetched', 'status_list')
    await verify(header)
    await fetched
    t.equal(count(urls.list), 2, `in the background with a ttl of ${ttl}`)
    issuer.clock.advance(seconds * 666)
    await verify(header)
    t.equal(count(urls.list), 2)
  }
})

t.test('while the issuer fails, a list is accepted until it expires', async (t) => {
  const { verify, bearer, issuer, answer } = await start()
  const token = await issuer.token({ expiresIn: 3_600 })
  issuer.revoke(token)
  const header = await bearer({ expiresIn: 3_600 })
  t.ok(await verify(header))
  for (const fault of [503, 'html', 'network', 302] as const) {
    issuer.fail(fault)
    issuer.clock.advance(60_000)
    t.ok(await verify(header), String(fault))
    t.ok(await verify(header), String(fault))
    await t.rejects(verify(`Bearer ${token}`), { code: 'token_revoked' })
  }
  issuer.clock.advance(360_000)
  await t.rejects(verify(header), { code: 'status_unavailable', headers: { 'retry-after': '1' } })
  answer(urls.list, () => new Response(null, { status: 304 }))
  issuer.fail(null)
  issuer.clock.advance(3_000)
  await t.rejects(verify(header), { code: 'status_unavailable' }, 'an expired list cannot be unchanged')
})

t.test('while the issuer fails, a list is accepted for an hour at most, whatever its exp', async (t) => {
  const setting = await start()
  const { verify, bearer, issuer } = setting
  serveList(setting, await signList(issuer, { claims: { exp: now / 1000 + 86_400 } }))
  const header = await bearer({ ...entry(8), expiresIn: 7_200 })
  t.ok(await verify(header))
  serveList(setting, 'no list')
  issuer.clock.advance(3_599_999)
  t.ok(await verify(header))
  issuer.clock.advance(3_000)
  await t.rejects(verify(header), { code: 'status_unavailable' })
})

t.test('while the issuer fails, a token is not accepted after its end', async (t) => {
  const { verify, bearer, issuer } = await start({ clockToleranceMs: 0 })
  const header = await bearer({ expiresIn: 60 })
  t.ok(await verify(header))
  issuer.fail(503)
  issuer.clock.advance(59_000)
  t.ok(await verify(header))
  issuer.clock.advance(1_000)
  await t.rejects(verify(header), { code: 'token_expired' })
})

t.test('while the issuer fails, no token is accepted with whenStale: refuse', async (t) => {
  const { verify, bearer, issuer, count } = await start({ whenStale: 'refuse' })
  const header = await bearer()
  t.ok(await verify(header))
  issuer.fail(503)
  issuer.clock.advance(2_999)
  t.ok(await verify(header))
  issuer.clock.advance(1)
  await t.rejects(verify(header), { code: 'status_unavailable' })
  await t.rejects(verify(header), { code: 'status_unavailable' })
  t.equal(count(urls.list), 2)
  issuer.fail(null)
  issuer.clock.advance(1_000)
  t.ok(await verify(header))
})

t.test('a list that was never fetched accepts nothing', async (t) => {
  const { verify, bearer, issuer } = await start()
  await verify(await bearer({ status: false }))
  issuer.fail(503)
  await t.rejects(verify(await bearer()), { code: 'status_unavailable', cause: { code: 'bad_status' } })
})

t.test('an entry that was seen revoked stays so, even if a cache sends an old list', async (t) => {
  const { verify, bearer, issuer, answer } = await start()
  const [first, second] = [await bearer(), await bearer()]
  const old = await (await issuer.fetch(urls.list)).text()
  issuer.revoke(first.slice('Bearer '.length))
  await t.rejects(verify(first), { code: 'token_revoked' })
  answer(urls.list, () => new Response(old))
  issuer.clock.advance(3_000)
  await t.rejects(verify(first), { code: 'token_revoked' })
  t.ok(await verify(second))
})

t.test('a list that has grown is read in full', async (t) => {
  const setting = await start()
  const { issuer, verify, bearer } = setting
  serveList(setting, await signList(issuer))
  t.ok(await verify(await bearer(entry(8))))
  const lst = await deflate(new Uint8Array([0, 0, 0b1]))
  serveList(setting, await signList(issuer, { claims: { status_list: { bits: 1, lst } } }))
  issuer.clock.advance(3_000)
  await t.rejects(verify(await bearer(entry(9))), { code: 'token_revoked' })
  await t.rejects(verify(await bearer(entry(16))), { code: 'token_revoked' })
  t.ok(await verify(await bearer(entry(17))))
})

t.test('the clocks of issuer and service may be minutes apart', async (t) => {
  for (const ms of [-120_000, 120_000]) {
    const { verify, bearer, issuer } = await start()
    const { fetch } = issuer
    const [first, second] = [await bearer(), await bearer()]
    const list = await (await fetch(urls.list)).text()
    issuer.clock.jump(ms)
    t.ok(list)
    t.ok(await verify(first))
    issuer.revoke(first.slice('Bearer '.length))
    issuer.clock.advance(3_000)
    await t.rejects(verify(first), { code: 'token_revoked' })
    t.ok(await verify(second))
  }
})

t.test('a clock that is set back does not delay a revocation', async (t) => {
  const { verify, bearer, issuer } = await start()
  const header = await bearer()
  t.ok(await verify(header))
  issuer.revoke(header.slice('Bearer '.length))
  issuer.clock.jump(-600_000)
  issuer.clock.advance(3_000)
  await t.rejects(verify(header), { code: 'token_revoked' })
})

t.test('the list that was not used for the longest time makes room', async (t) => {
  const { verify, bearer, issuer, answer, count } = await start({ maxStatusLists: 2 })
  const uris = ['1', '2', '3'].map((id) => `https://latchkey.test/status-lists/${id}`)
  for (const uri of uris) {
    const list = await signList(issuer, { claims: { sub: uri } })
    answer(uri, () => new Response(list))
  }
  const [first, second, third] = await Promise.all(uris.map((uri) => bearer(entry(8, uri))))
  for (const header of [first, second, first, third, first, second]) await verify(header)
  t.same(uris.map(count), [1, 2, 1])
})

t.test('a list is waited for no longer than two thirds of the time between two', async (t) => {
  const timeouts = controlTimeouts(t)
  const { verify, bearer, issuer, answer, next } = await start()
  const header = await bearer()
  const silence = createSilence()
  answer(urls.list, silence.respond)
  const first = verify(header)
  await silence.asked
  timeouts.expire()
  await t.rejects(first, { code: 'status_unavailable', cause: { message: /within 2000 ms/ } })
  t.same(timeouts.durations, [5_000, 5_000, 2_000])
  answer(urls.list, null)
  issuer.clock.advance(3_000)
  t.ok(await verify(header))
  const again = createSilence()
  answer(urls.list, again.respond)
  issuer.clock.advance(2_000)
  const failed = next('document_failed', 'status_list')
  t.ok(await verify(header), 'it is fetched in the background')
  await again.asked
  timeouts.expire()
  t.match(await failed, { error: { code: 'timeout' }, retryInMs: 1_000 })
})
