import { base64url, CompactSign, decodeProtectedHeader, generateKeyPair, SignJWT } from 'jose'
import t from 'tap'
import type { VerificationErrorCode } from '../src/index.js'
import type { TestTokenOptions } from '../src/testing.js'
import { now, start } from './helpers/verifier.js'

const seconds = now / 1000

t.test('a good token names its caller', async (t) => {
  const { verify, bearer } = await start()
  const caller = await verify(await bearer({ scope: 'orders:read orders:write', subject: 'anna' }), {
    scope: 'orders:read',
  })
  t.match(caller, { subject: 'anna', clientId: 'test', scope: ['orders:read', 'orders:write'] })
  t.match(caller.claims, { iss: 'https://latchkey.test', jti: 'token-1', exp: seconds + 900 })
})

t.test('tokens of every algorithm, and of every spelling of their type, are accepted', async (t) => {
  for (const algorithm of ['ES256', 'RS256'] as const)
    for (const typ of ['at+jwt', 'AT+JWT', 'application/at+jwt']) {
      const { verify, bearer } = await start({}, { algorithm })
      t.match(await verify(await bearer({ header: { typ } })), { clientId: 'test' }, `${algorithm} ${typ}`)
    }
})

t.test('a token for several services is accepted by each of them', async (t) => {
  const { verify, bearer } = await start({ audience: ['https://a.test', 'https://b.test'] })
  t.ok(await verify(await bearer({ claims: { aud: ['https://c.test', 'https://b.test'] } })))
  t.ok(await verify(await bearer({ audience: 'https://a.test' })))
})

/** Tokens that are refused, and the code of the error. */
const refused: [situation: string, token: TestTokenOptions, code: VerificationErrorCode][] = [
  ['has no type', { header: { typ: undefined } }, 'wrong_type'],
  ['is an ID token', { header: { typ: 'JWT' } }, 'wrong_type'],
  ['has a type that is no text', { header: { typ: 1 } }, 'wrong_type'],
  ['has no kid', { header: { kid: undefined } }, 'unknown_key'],
  ['has a kid that is no text', { header: { kid: 1 } }, 'unknown_key'],
  ['has an unknown kid', { header: { kid: 'key-2' } }, 'unknown_key'],
  ['is of another issuer', { claims: { iss: 'https://other.test' } }, 'wrong_issuer'],
  ['is of an issuer with a slash', { claims: { iss: 'https://latchkey.test/' } }, 'wrong_issuer'],
  ['is for another audience', { audience: 'https://other.test' }, 'wrong_audience'],
  ['is for several other audiences', { claims: { aud: ['https://other.test'] } }, 'wrong_audience'],
  ['is for no audience', { claims: { aud: [] } }, 'wrong_audience'],
  ['has expired', { expiresIn: -5 }, 'token_expired'],
  ['is not valid yet', { claims: { nbf: seconds + 6 } }, 'token_not_yet_valid'],
  ['has an nbf that is no number', { claims: { nbf: '0' } }, 'malformed_claims'],
  ['has a scope that is no text', { claims: { scope: ['orders:read'] } }, 'malformed_claims'],
  ['has an audience that is no text', { claims: { aud: ['https://service.test', 1] } }, 'malformed_claims'],
  ['has a status that is no object', { claims: { status: 0 } }, 'bad_status'],
  ['has another kind of status', { claims: { status: { attestation: {} } } }, 'bad_status'],
  ...['iss', 'aud', 'sub', 'client_id', 'jti', 'iat', 'exp'].flatMap((name) =>
    [undefined, null, '', {}, true].map((value): [string, TestTokenOptions, VerificationErrorCode] => [
      `has the ${name} ${JSON.stringify(value)}`,
      { claims: { [name]: value } },
      'malformed_claims',
    ]),
  ),
]

for (const [situation, options, code] of refused)
  t.test(`a token is refused that ${situation}`, async (t) => {
    const { verify, bearer } = await start()
    await t.rejects(verify(await bearer(options)), { name: 'VerificationError', code, status: 401 })
  })

t.test('the clocks may differ by the tolerance, and no more', async (t) => {
  const { verify, bearer } = await start({ clockToleranceMs: 60_000 })
  t.ok(await verify(await bearer({ expiresIn: -59 })))
  t.ok(await verify(await bearer({ claims: { nbf: seconds + 60 } })))
  t.ok(await verify(await bearer({ claims: { iat: seconds + 120 } })), 'an issuer may be ahead')
  await t.rejects(verify(await bearer({ expiresIn: -60 })), { code: 'token_expired' })
  await t.rejects(verify(await bearer({ claims: { nbf: seconds + 61 } })), { code: 'token_not_yet_valid' })
})

t.test('a token whose header changes how it is read is refused', async (t) => {
  const { verify, issuer } = await start()
  const [, payload = '', signature = ''] = (await issuer.token()).split('.')
  const headers = [{ crit: ['exp'], exp: 1 }, { crit: [] }, { b64: true }, { b64: false, crit: ['b64'] }]
  for (const header of headers) {
    const spelled = base64url.encode(JSON.stringify({ alg: 'ES256', typ: 'at+jwt', kid: 'key-1', ...header }))
    await t.rejects(verify(`Bearer ${spelled}.${payload}.${signature}`), { code: 'malformed_token' })
  }
})

t.test('a token is refused unless it is signed with an allowed algorithm', async (t) => {
  const { verify, bearer, issuer } = await start({ algorithms: ['RS256'] }, { algorithm: 'RS256' })
  t.ok(await verify(await bearer()))
  const [header = '', payload = ''] = (await issuer.token()).split('.')
  for (const alg of ['none', 'HS256', 'ES256', 'PS256', 'rs256', '', null]) {
    const spelled = base64url.encode(JSON.stringify({ ...decodeProtectedHeader(`${header}..`), alg }))
    await t.rejects(verify(`Bearer ${spelled}.${payload}.`), { code: 'wrong_algorithm' }, String(alg))
  }
})

t.test('a token that is signed with another key of the same kid is refused', async (t) => {
  const { verify, issuer } = await start()
  const { privateKey } = await generateKeyPair('ES256')
  const [, payload = ''] = (await issuer.token()).split('.')
  const header = { alg: 'ES256', typ: 'at+jwt', kid: 'key-1' }
  const claims = base64url.decode(payload)
  const token = await new CompactSign(claims).setProtectedHeader(header).sign(privateKey)
  await t.rejects(verify(`Bearer ${token}`), { code: 'bad_signature' })
  await t.rejects(verify(`Bearer ${token.slice(0, token.lastIndexOf('.') + 1)}`), { code: 'bad_signature' })
})

t.test('a token in another spelling is refused', async (t) => {
  const { verify, issuer } = await start()
  const token = await issuer.token()
  const [header = '', payload = '', signature = ''] = token.split('.')
  const notUtf8 = base64url.encode(new Uint8Array([0x7b, 0x22, 0xff, 0x22, 0x3a, 0x31, 0x7d]))
  const spellings = [
    '',
    'x',
    '.',
    '..',
    `${header}.${payload}`,
    `${token}.`,
    `${token}.${payload}.${payload}`,
    `${token}=`,
    `${token}\n`,
    `${token} `,
    `${token},${token}`,
    ` \t${token}`,
    `${header}.${payload}.${signature}é`,
    `${header}.${payload}.${respell(signature)}`,
    `${notUtf8}.${payload}.${signature}`,
    `${base64url.encode('[]')}.${payload}.${signature}`,
    `${base64url.encode('null')}.${payload}.${signature}`,
    `${base64url.encode('{')}.${payload}.${signature}`,
    'x'.repeat(16_385),
  ]
  for (const spelling of spellings)
    await t.rejects(
      verify(`Bearer ${spelling}`),
      { code: 'malformed_token', error: 'invalid_token' },
      spelling,
    )
  t.ok(await verify(`bEARER   ${token}`), 'the scheme is of any case, and spaces follow it')
})

/** Spells bytes in another way: the bits of the last character that belong to no byte are set. */
function respell(part: string): string {
  const alphabet = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_'
  return part.slice(0, -1) + alphabet[alphabet.indexOf(part.slice(-1)) + 1]
}

t.test('a signed payload that is no JSON object is refused', async (t) => {
  const { verify, answer } = await start()
  const { privateKey, publicKey } = await generateKeyPair('ES256')
  const jwk = {
    ...(await crypto.subtle.exportKey('jwk', publicKey)),
    kid: 'own',
    alg: 'ES256',
    key_ops: ['verify'],
  }
  answer('https://latchkey.test/.well-known/jwks.json', () => Response.json({ keys: [jwk] }))
  const header = { alg: 'ES256', typ: 'at+jwt', kid: 'own' }
  for (const payload of ['', '[]', '"x"', '{"sub":']) {
    const token = await new CompactSign(new TextEncoder().encode(payload))
      .setProtectedHeader(header)
      .sign(privateKey)
    await t.rejects(verify(`Bearer ${token}`), { code: 'malformed_token' }, payload)
  }
  const token = await new SignJWT({}).setProtectedHeader(header).sign(privateKey)
  await t.rejects(verify(`Bearer ${token}`), { code: 'malformed_claims' })
})

t.test('a request without a token is told what it needs', async (t) => {
  const { verify } = await start()
  for (const header of [undefined, null, '', 'Basic eDp5', 'Bearertoken', 'DPoP x'])
    await t.rejects(verify(header, { scope: 'orders:read' }), {
      code: 'missing_token',
      error: null,
      challenge: 'Bearer realm="Latchkey", scope="orders:read"',
    })
  await t.rejects(verify(undefined), { code: 'missing_token', challenge: 'Bearer realm="Latchkey"' })
})

t.test('every scope-token that is required must be granted', async (t) => {
  const { verify, bearer } = await start()
  const header = await bearer({ scope: 'a b' })
  t.ok(await verify(header, { scope: 'a b' }))
  t.ok(await verify(header, { scope: ['b', 'a'] }))
  await t.rejects(verify(header, { scope: ['a', 'c'] }), {
    code: 'insufficient_scope',
    status: 403,
    challenge:
      'Bearer realm="Latchkey", error="insufficient_scope", ' +
      'error_description="The access token lacks a scope that the request needs", scope="a c"',
  })
  await t.rejects(verify(await bearer(), { scope: 'a' }), { code: 'insufficient_scope' })
})

t.test('a required scope that is missing or malformed lets nobody pass', async (t) => {
  const { verify, bearer } = await start()
  const header = await bearer({ scope: 'a' })
  for (const scope of [undefined, null, '', ' ', 'a  b', 'a"', [], [undefined], [''], 1])
    await t.rejects(verify(header, { scope: scope as string }), TypeError, JSON.stringify(scope))
})

t.test('a token that names no status list is accepted unless one is required', async (t) => {
  const lenient = await start()
  t.ok(await lenient.verify(await lenient.bearer({ status: false })))
  const strict = await start({ requireStatus: true })
  t.ok(await strict.verify(await strict.bearer()))
  await t.rejects(strict.verify(await strict.bearer({ status: false })), {
    code: 'missing_status',
    status: 401,
  })
})

t.test('what happens is reported', async (t) => {
  const { verify, bearer, events } = await start()
  await verify(await bearer())
  t.match(
    events.map(({ type }) => type),
    ['document_fetched', 'document_fetched', 'document_fetched', 'token_accepted'],
  )
  await t.rejects(verify(undefined))
  t.match(events.at(-1), { type: 'token_refused', error: { code: 'missing_token' }, durationMs: 0 })
})

t.test('a hook that throws or rejects changes nothing', async (t) => {
  const hooks = [
    () => {
      throw new Error('thrown')
    },
    () => Promise.reject(new Error('rejected')),
  ]
  for (const onEvent of hooks) {
    const { verify, bearer } = await start({ onEvent })
    t.ok(await verify(await bearer()))
  }
})
