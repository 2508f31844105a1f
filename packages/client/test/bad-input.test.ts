import t from 'tap'
import { ClientError, serviceClient } from '../src/index.js'
import {
  type Answer,
  fakeServer,
  issue,
  metadata,
  metadataUrl,
  refuse,
  settle,
  tokenUrl,
} from './helpers/fake-server.js'

const html = '<!doctype html><title>Bad gateway</title>'
const text = (body: string, status = 200) =>
  new Response(body, { status, headers: { 'content-type': 'text/html' } })
const token = (more: object) =>
  Response.json({ access_token: 'secret-token', token_type: 'bearer', expires_in: 60, ...more })
/** A body that never ends. */
const endless = () =>
  new Response(new ReadableStream({ pull: (stream) => stream.enqueue(new Uint8Array(16_384)) }))

/** Answers of a token endpoint, with the code and the cause of the error that they become. */
const tokenAnswers: [name: string, answer: Answer, code: string, cause: string | null][] = [
  ['HTML', () => text(html), 'invalid_response', 'the response is not JSON'],
  ['nothing', () => text(''), 'invalid_response', 'the response is empty'],
  ['no body', () => new Response(null), 'invalid_response', 'the response is empty'],
  ['a list', () => Response.json([]), 'invalid_response', 'the response is not a JSON object'],
  ['null', () => Response.json(null), 'invalid_response', 'the response is not a JSON object'],
  [
    'half of a token',
    () => text('{"access_token":"secret-tok'),
    'invalid_response',
    'the response is not JSON',
  ],
  [
    '200 with an error',
    () => refuse('invalid_client', 200),
    'invalid_response',
    'the response has status 200 and an error',
  ],
  [
    'no token',
    () => token({ access_token: undefined }),
    'invalid_response',
    'access_token is missing, or is not a token',
  ],
  [
    'a token with a line break',
    () => token({ access_token: 'a\r\nb' }),
    'invalid_response',
    'access_token is missing, or is not a token',
  ],
  [
    'a long token',
    () => token({ access_token: 'a'.repeat(16_385) }),
    'invalid_response',
    'access_token is missing, or is not a token',
  ],
  ['no type', () => token({ token_type: undefined }), 'invalid_response', 'token_type is not Bearer'],
  ['another type', () => token({ token_type: 'DPoP' }), 'invalid_response', 'token_type is not Bearer'],
  ...[undefined, '60', 0, -1, 1.5, 315_360_001, 1e300, null].map((seconds): (typeof tokenAnswers)[number] => [
    `expires_in ${seconds}`,
    () => token({ expires_in: seconds }),
    'invalid_response',
    'expires_in is not a whole number of seconds from 1 to 315360000',
  ]),
  ['a scope that is none', () => token({ scope: 1 }), 'invalid_response', 'scope is not valid'],
  [
    'a refresh token that is none',
    () => token({ refresh_token: '' }),
    'invalid_response',
    'refresh_token is not valid',
  ],
  ['a huge body', endless, 'too_large', 'more than 65536 bytes'],
  ['a redirect', () => Response.redirect('https://elsewhere.example.com/', 302), 'redirect', null],
  [
    'a hidden redirect',
    () => Object.defineProperty(Response.json({}), 'type', { value: 'opaqueredirect' }),
    'redirect',
    null,
  ],
  ['HTML and 404', () => text(html, 404), 'bad_status', null],
  ['204', () => new Response(null, { status: 204 }), 'bad_status', null],
  ['a strange error', () => refuse('a\nb'), 'bad_status', null],
  ['an error that is none', () => Response.json({ error: 7 }, { status: 400 }), 'bad_status', null],
  ['an unknown error', () => Response.json({ error: 'slow_down' }, { status: 400 }), 'request_refused', null],
  ['invalid_scope', () => refuse('invalid_scope'), 'invalid_scope', null],
  ['HTML and 503', () => text(html, 503), 'bad_status', null],
  ['429', () => text('', 429), 'bad_status', null],
  ['a broken connection', () => Promise.reject(new TypeError('fetch failed')), 'unreachable', 'fetch failed'],
  [
    'a body that breaks off',
    () => new Response(new ReadableStream({ start: (stream) => stream.error(new Error('reset')) })),
    'unreachable',
    'reset',
  ],
]

for (const [name, answer, code, cause] of tokenAnswers)
  t.test(`a token endpoint that answers with ${name} is ${code}`, async (t) => {
    const server = fakeServer()
    server.answers.set(tokenUrl, answer)
    const client = serviceClient({ ...server.options, waitMs: 0 })
    const error = await client.getToken().catch((error: unknown) => error)
    if (!(error instanceof ClientError)) throw error
    t.equal(error.code, code)
    t.equal((error.cause as Error | undefined)?.message ?? null, cause)
    t.notMatch(`${error.message} ${error.stack} ${String(error.cause)}`, /secret/)
    for (let call = 0; call < 10; call += 1) await t.rejects(client.getToken(), { code })
    t.equal(server.requestsTo(tokenUrl).length, 1, 'calls that follow do not ask again')
    t.match(server.events.at(-1), { type: 'token_failed', error, retryInMs: 150 })
  })

/** Metadata, with the cause of the error. */
const documents: [name: string, answer: Answer, code: string, cause: string | null][] = [
  ['HTML', () => text(html), 'invalid_metadata', 'the response is not JSON'],
  ['nothing', () => text(''), 'invalid_metadata', 'the response is empty'],
  [
    'another issuer',
    () => Response.json({ ...metadata, issuer: 'https://evil.example.com' }),
    'invalid_metadata',
    'the issuer is not https://login.example.com',
  ],
  [
    'no token endpoint',
    () => Response.json({ ...metadata, token_endpoint: undefined }),
    'invalid_metadata',
    'token_endpoint is not a URL',
  ],
  [
    'a token endpoint that is none',
    () => Response.json({ ...metadata, token_endpoint: '/token' }),
    'invalid_metadata',
    'token_endpoint is not a URL',
  ],
  [
    'a token endpoint elsewhere',
    () => Response.json({ ...metadata, token_endpoint: 'https://evil.example.com/token' }),
    'invalid_metadata',
    'token_endpoint is at another origin',
  ],
  [
    'a revocation endpoint elsewhere',
    () => Response.json({ ...metadata, revocation_endpoint: 'http://login.example.com/' }),
    'invalid_metadata',
    'revocation_endpoint is at another origin',
  ],
  ['HTML and 502', () => text(html, 502), 'bad_status', null],
  ['404', () => text(html, 404), 'bad_status', null],
  ['a redirect', () => Response.redirect('https://login.example.com/', 302), 'redirect', null],
  ['a huge body', endless, 'too_large', 'more than 65536 bytes'],
]

for (const [name, answer, code, cause] of documents)
  t.test(`metadata that is ${name} is ${code}`, async (t) => {
    const server = fakeServer()
    server.answers.set(metadataUrl, answer)
    const client = serviceClient({ ...server.options, waitMs: 0 })
    const error = await client.getToken().catch((error: unknown) => error)
    if (!(error instanceof ClientError)) throw error
    t.equal(error.code, code)
    t.equal((error.cause as Error | undefined)?.message ?? null, cause)
    await t.rejects(client.getToken(), { code })
    t.equal(server.requests.length, 1)
    t.match(server.events[0], { type: 'document_failed', document: 'metadata', url: metadataUrl, error })
    server.answers.set(metadataUrl, () => Response.json(metadata))
    server.clock.advance(200)
    t.equal(await client.getToken(), 't1')
  })

t.test('a server that never answers is a timeout, even for a fetch that ignores its signal', async (t) => {
  const server = fakeServer()
  server.answers.set(tokenUrl, () => new Promise(() => {}))
  const client = serviceClient({ ...server.options, waitMs: 0, timeoutMs: 700 })
  const call = client.getToken()
  await settle()
  server.clock.advance(700)
  await t.rejects(call, {
    code: 'timeout',
    retryable: true,
    message: `No response of ${tokenUrl} within 700 ms`,
  })
})

t.test('the description of an error cannot forge lines of a log, and is bounded', async (t) => {
  const server = fakeServer()
  const description = `a\nb${'c'.repeat(1000)}`
  server.answers.set(tokenUrl, () =>
    Response.json({ error: 'invalid_scope', error_description: description }, { status: 400 }),
  )
  const error = await serviceClient(server.options).getToken().catch(String)
  t.equal(error, `ClientError: ${tokenUrl} refuses the request: invalid_scope (a?b${'c'.repeat(197)})`)
})

t.test('Retry-After in seconds is kept to, up to a minute; other values are ignored', async (t) => {
  for (const [value, retryInMs] of [
    ['3', 3150],
    ['100000', 63_000],
    ['Wed, 21 Oct 2030 07:28:00 GMT', 150],
    ['-5', 150],
  ] as const) {
    const server = fakeServer()
    server.answers.set(tokenUrl, () => new Response('', { status: 429, headers: { 'retry-after': value } }))
    await t.rejects(serviceClient({ ...server.options, waitMs: 100 }).getToken(), {
      code: 'bad_status',
      status: 429,
    })
    t.match(server.events.at(-1), { type: 'token_failed', retryInMs })
  }
})

t.test('a clock that jumps causes no failure', async (t) => {
  const server = fakeServer()
  const client = serviceClient(server.options)
  await client.getToken()
  server.clock.jump(-100_000_000)
  t.equal(await client.getToken(), 't1', 'set back: the token is as old as before')
  server.clock.advance(999_999)
  t.equal(await client.getToken(), 't2')
  server.clock.jump(100_000_000)
  t.equal(await client.getToken(), 't3', 'set forward, or a machine that slept: the token has ended')
  server.answers.set(tokenUrl, () => issue('t4'))
  server.clock.jump(-100_000_000)
  t.equal(await client.getToken(), 't3')
})

t.test('metadata is kept for an hour, and longer while it cannot be fetched', async (t) => {
  const server = fakeServer()
  const client = serviceClient(server.options)
  await client.getToken()
  server.answers.set(metadataUrl, () => text(html, 502))
  server.clock.advance(3_600_000)
  t.equal(await client.getToken(), 't2')
  t.equal(server.requestsTo(metadataUrl).length, 2)
  server.clock.advance(604_800_000)
  await t.rejects(client.getToken(), { code: 'bad_status' })
})

t.test('the metadata of an issuer with a path is found before that path', async (t) => {
  const server = fakeServer()
  const issuer = 'https://login.example.com/tenant'
  const url = 'https://login.example.com/.well-known/oauth-authorization-server/tenant'
  server.answers.set(url, () => Response.json({ issuer, token_endpoint: tokenUrl }))
  t.equal(await serviceClient({ ...server.options, issuer }).getToken(), 't1')
})

t.test('a call waits while the metadata cannot be fetched, with a pause before each request', async (t) => {
  const server = fakeServer()
  let failures = 2
  server.answers.set(metadataUrl, () => (failures-- > 0 ? text(html, 502) : Response.json(metadata)))
  t.equal(await serviceClient(server.options).getToken(), 't1')
  t.same(server.clock.pauses, [150, 300])
  t.equal(server.requestsTo(metadataUrl).length, 3)
})
