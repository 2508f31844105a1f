import t from 'tap'
import type { DocumentErrorCode } from '../src/index.js'
import {
  controlTimeouts,
  createSignal,
  createSilence,
  type Respond,
  start,
  urls,
} from './helpers/verifier.js'

const html = { headers: { 'content-type': 'text/html' } }

/** Returns a body that never ends. */
function endless(): ReadableStream<Uint8Array> {
  return new ReadableStream({ pull: (controller) => controller.enqueue(new Uint8Array(65_536)) })
}

/** Returns a body that breaks after its first bytes. */
function broken(): ReadableStream<Uint8Array> {
  return new ReadableStream({
    pull(controller) {
      controller.enqueue(new Uint8Array([0x7b]))
      controller.error(new TypeError('terminated'))
    },
  })
}

/** Responses that are no document, whichever it is. */
const bad: [situation: string, respond: Respond, code: DocumentErrorCode][] = [
  ['a page', () => new Response('<!doctype html><h1>Sign in</h1>', html), 'invalid'],
  ['nothing', () => new Response(null), 'invalid'],
  ['bytes that are no UTF-8', () => new Response(new Uint8Array([0xff, 0xfe])), 'invalid'],
  ['JSON null', () => Response.json(null), 'invalid'],
  ['a JSON list', () => Response.json([{}]), 'invalid'],
  ['an empty object', () => Response.json({}), 'invalid'],
  ['an object of wrong types', () => Response.json({ issuer: 1, jwks_uri: {}, keys: 'x' }), 'invalid'],
  ['nested lists', () => new Response('['.repeat(60_000)), 'invalid'],
  ['too much', () => new Response('x'.repeat(262_145)), 'too_large'],
  ['an endless body', () => new Response(endless()), 'too_large'],
  ['a body that breaks', () => new Response(broken()), 'unreachable'],
  ['a redirect', () => Response.redirect('https://other.test/', 302), 'redirect'],
  ['a redirect that a browser hides', () => Object.assign(Response.error(), {}), 'bad_status'],
  ['an unasked 304', () => new Response(null, { status: 304 }), 'bad_status'],
  ['204', () => new Response(null, { status: 204 }), 'bad_status'],
  ['401', () => new Response('who?', { status: 401 }), 'bad_status'],
  ['a page with 404', () => new Response('404 page not found', { status: 404 }), 'bad_status'],
  ['500', () => new Response('oops', { status: 500 }), 'bad_status'],
  ['429', () => new Response('', { status: 429, headers: { 'retry-after': 'tomorrow' } }), 'bad_status'],
]

for (const document of ['metadata', 'jwks', 'list'] as const)
  for (const [situation, respond, code] of bad)
    t.test(`${situation} instead of the ${document} is an error with its cause`, async (t) => {
      const { verify, bearer, answer, count, issuer } = await start()
      answer(urls[document], respond)
      const header = await bearer()
      const error = await verify(header).catch((caught) => caught)
      const name = document === 'list' ? 'status_list' : document
      const kind = document === 'list' ? 'status_unavailable' : 'keys_unavailable'
      t.match(error, { name: 'VerificationError', code: kind, status: 503, retryable: true })
      t.match(error.cause, { name: 'DocumentError', document: name, code, url: urls[document] })
      t.ok(error.cause.message.includes(urls[document]))
      await Promise.all(Array.from({ length: 10 }, () => t.rejects(verify(header), { code: kind })))
      t.equal(count(urls[document]), 1, 'no retry storm')
      answer(urls[document], null)
      issuer.clock.advance(5_000)
      t.ok(await verify(header), 'it recovers')
    })

t.test('a redirect that a browser hides is a redirect', async (t) => {
  const { verify, bearer, answer } = await start()
  answer(
    urls.metadata,
    () => ({ status: 0, type: 'opaqueredirect', body: null, headers: new Headers() }) as Response,
  )
  await t.rejects(verify(await bearer()), { cause: { code: 'redirect' } })
})

t.test('a server that never answers, or never ends, is not waited for longer than allowed', async (t) => {
  const timeouts = controlTimeouts(t)
  const { verify, bearer, answer, issuer } = await start({ timeoutMs: 700 })
  const header = await bearer()
  const silence = createSilence()
  answer(urls.metadata, silence.respond)
  const first = verify(header)
  await silence.asked
  timeouts.expire()
  await t.rejects(first, { cause: { code: 'timeout', document: 'metadata', message: /within 700 ms/ } })
  answer(urls.metadata, null)
  issuer.clock.advance(5_000)
  const { promise: read, resolve: onRead } = createSignal()
  answer(urls.jwks, () => new Response(new ReadableStream({ pull: () => onRead() })))
  const second = verify(header)
  await read
  timeouts.expire()
  await t.rejects(second, { cause: { code: 'timeout', document: 'jwks' } })
  t.same(timeouts.durations, [700, 700, 700])
})

t.test('a fault of the platform is a failure of the document, and no verdict about the token', async (t) => {
  const { timeout } = AbortSignal
  for (const [index, document] of (['metadata', 'jwks', 'status_list'] as const).entries()) {
    const { verify, bearer, issuer } = await start()
    const header = await bearer()
    const fault = new RangeError('of the platform')
    let left = index
    const value = (ms: number) => {
      left -= 1
      if (left === -1) throw fault
      return timeout.call(AbortSignal, ms)
    }
    t.intercept(AbortSignal, 'timeout', { value, configurable: true })
    const code = document === 'status_list' ? 'status_unavailable' : 'keys_unavailable'
    const error = await verify(header).catch((caught) => caught)
    t.match(error, { name: 'VerificationError', status: 503, code })
    t.match(error.cause, { name: 'DocumentError', code: 'unexpected', document })
    t.equal(error.cause.cause, fault)
    issuer.clock.advance(5_000)
    t.ok(await verify(header), 'it recovers')
  }
})

t.test('metadata that do not fit the issuer say what is wrong', async (t) => {
  const issuer = 'https://latchkey.test'
  const misfits: [metadata: object, cause: RegExp][] = [
    [{ issuer: `${issuer}/`, jwks_uri: urls.jwks }, /has the issuer "https:\/\/latchkey.test\/", not "https/],
    [{ jwks_uri: urls.jwks }, /has the issuer undefined/],
    [{ issuer }, /has no jwks_uri/],
    [{ issuer, jwks_uri: '/jwks' }, /Invalid URL/],
    [{ issuer, jwks_uri: 'https://other.test/jwks' }, /set jwksUri/],
    [{ issuer, jwks_uri: 'http://latchkey.test/jwks' }, /set jwksUri/],
  ]
  for (const [metadata, cause] of misfits) {
    const { verify, bearer, answer } = await start()
    answer(urls.metadata, () => Response.json(metadata))
    const error = await verify(await bearer()).catch((caught) => caught)
    t.equal(error.code, 'keys_unavailable')
    t.match(error.cause.cause.message, cause)
  }
})

t.test('the media type of a response that is not valid is named', async (t) => {
  const { verify, bearer, answer } = await start()
  answer(urls.metadata, () => new Response('<p>', html))
  await t.rejects(verify(await bearer()), { cause: { message: /is not valid \(text\/html\)/ } })
})

t.test('an ETag that a 304 changes is kept', async (t) => {
  const { verify, bearer, answer, issuer } = await start({ checkStatus: false, jwksUri: urls.jwks })
  const sent: (string | null)[] = []
  answer(urls.jwks, async (request) => {
    sent.push(request.headers.get('if-none-match'))
    if (sent.length === 1) return issuer.fetch(urls.jwks)
    return new Response(null, { status: 304, headers: sent.length === 2 ? { etag: '"other"' } : {} })
  })
  const header = await bearer({ expiresIn: 3_600 })
  for (let round = 0; round < 4; round++) {
    t.ok(await verify(header))
    issuer.clock.advance(300_000)
  }
  t.equal(sent[0], null)
  t.match(sent[1], /^"[\w-]{43}"$/)
  t.same(sent.slice(2), ['"other"', '"other"'])
})

t.test('no timer keeps the process alive, not even that of a fetch without an end', async (t) => {
  const countTimers = () => process.getActiveResourcesInfo().filter((name) => name === 'Timeout').length
  const { verify, bearer, answer } = await start()
  const header = await bearer()
  const before = countTimers()
  const silence = createSilence()
  answer(urls.metadata, silence.respond)
  const controller = new AbortController()
  const pending = verify(header, { signal: controller.signal })
  await silence.asked
  t.equal(countTimers(), before)
  controller.abort()
  await t.rejects(pending, { name: 'AbortError' })
})
