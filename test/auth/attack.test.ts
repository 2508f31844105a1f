import {
  createHmac,
  createPrivateKey,
  createPublicKey,
  generateKeyPairSync,
  type JsonWebKey,
  sign as signBytes,
} from 'node:crypto'
import { once } from 'node:events'
import { type AddressInfo, createServer } from 'node:net'
import type { FastifyInstance } from 'fastify'
import t, { type Test } from 'tap'
import { listKeys, openPrivateKey, type StoredKey } from '../../src/auth/keys/key-store.js'
import { loadConfig } from '../../src/config/index.js'
import { sealingKeysOf } from '../../src/sealing/sealing-keys.js'
import { query } from '../database/query.js'
import { jwtSecret, logIn, postToken, startApp, untilConnected } from '../helpers/app.js'
import { as } from '../helpers/client.js'
import { storeClient } from '../helpers/clients.js'
import { cloneDatabase } from '../helpers/database.js'
import { until } from '../helpers/replicas.js'

/** Server of the attacker that offers keys. Nothing must ever connect to it. */
const trap = createServer().listen(0, '127.0.0.1')
await once(trap, 'listening')
const trapUrl = `http://127.0.0.1:${(trap.address() as AddressInfo).port}/jwks.json`
let connections = 0
trap.on('connection', (socket) => {
  connections += 1
  socket.destroy()
})
t.teardown(() => trap.close())

const clientSecret = 'of the attacker'
const ring = await startApp(t, { JWT_SECRET: '' })
const shared = await startApp(t)
const elsewhere = await startApp(t, { JWT_SECRET: '' })
for (const app of [ring, shared])
  await storeClient(app.database, 'johndoe', clientSecret, undefined, ['introspect'])

const valid = await readValidToken(ring)
const [publicJwk] = (await ring.inject('/.well-known/jwks.json')).json<{ keys: JsonWebKey[] }>().keys as [
  JsonWebKey & { kid: string },
]
const publicKey = createPublicKey({ key: publicJwk, format: 'jwk' })
const rsa = generateKeyPairSync('rsa', { modulusLength: 2048 })
const ec = generateKeyPairSync('ec', { namedCurve: 'P-256' })
const { kid } = publicJwk

type Members = Record<string, unknown>

const encode = (value: unknown) =>
  Buffer.from(typeof value === 'string' ? value : JSON.stringify(value)).toString('base64url')

/** Signing input of a token: the valid header and claims with changes. */
function input(header: unknown = {}, claims: Members = {}): string {
  const head = typeof header === 'string' ? header : { ...valid.header, ...(header as Members) }
  return `${encode(head)}.${encode({ ...valid.claims, ...claims })}`
}

const unsigned = (header: Members, claims?: Members) => `${input(header, claims)}.`
const withSignature = (text: string, signature: Buffer) => `${text}.${signature.toString('base64url')}`

function byHmac(secret: string | Buffer, header: Members = {}): string {
  const text = input({ alg: 'HS256', ...header })
  return withSignature(text, createHmac('sha256', secret).update(text).digest())
}

function byRsa(header: Members = {}): string {
  const text = input({ alg: 'RS256', ...header })
  return withSignature(text, signBytes('sha256', Buffer.from(text), rsa.privateKey))
}

function byEc(header: Members = {}): string {
  const text = input(header)
  return withSignature(
    text,
    signBytes('sha256', Buffer.from(text), { key: ec.privateKey, dsaEncoding: 'ieee-p1363' }),
  )
}

const attackerJwk = { ...rsa.publicKey.export({ format: 'jwk' }), kid: 'evil', alg: 'RS256', use: 'sig' }
const [validHeader = '', validClaims = '', validSignature = ''] = valid.token.split('.')
const order = BigInt('0xffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551')
const bytesOf = (number: bigint) => Buffer.from(number.toString(16).padStart(64, '0'), 'hex')

/** Every `alg` that means none, and every other that is not the key's. */
const algorithms: unknown[] = [
  ...[
    'none',
    'None',
    'NONE',
    'nOnE',
    'none ',
    ' none',
    'none\0',
    '',
    'null',
    'es256',
    'ES256 ',
    'EdDSA',
    'dir',
  ],
  ...[null, undefined, true, 0, [], ['none'], ['ES256'], {}, { toString: 'none' }],
]

const kids: unknown[] = [
  ...[
    undefined,
    null,
    true,
    0,
    -1,
    1e308,
    [],
    [kid],
    {},
    { kid },
    '',
    ' ',
    `${kid} `,
    kid.slice(1),
    '0',
    '*',
  ],
  ...['__proto__', 'constructor', 'prototype', 'toString', 'hasOwnProperty', 'length', 'valueOf'],
  ...[
    '../../../../../../dev/null',
    '/dev/null',
    '/etc/passwd',
    'file:///dev/null',
    'C:\\nul',
    '..%2f..%2fdev%2fnull',
  ],
  ...["' OR '1'='1", "x' UNION SELECT 'key';--", '"; DROP TABLE signing_keys;--', '$(id)', '`id`', '| id'],
  ...[trapUrl, 'a'.repeat(8_000), '\0', '\ud800', '￿', '\r\nx: y', '{{7*7}}', '#{7*7}'],
]

const attacks: [what: string, token: string][] = [
  ...algorithms.flatMap((alg): [string, string][] => [
    [`alg ${JSON.stringify(alg)} without a signature`, unsigned({ alg })],
    [`alg ${JSON.stringify(alg)} with the signature of another`, `${input({ alg })}.${validSignature}`],
  ]),
  ['no signature at all', input({ alg: 'none' })],
  ...(
    [
      ['PEM', publicKey.export({ format: 'pem', type: 'spki' })],
      ['PEM without its last line break', String(publicKey.export({ format: 'pem', type: 'spki' })).trim()],
      ['DER', publicKey.export({ format: 'der', type: 'spki' })],
      ['JWK', JSON.stringify(publicJwk)],
      ['JWK of key members alone', JSON.stringify(publicKey.export({ format: 'jwk' }))],
      ['x coordinate', String(publicJwk.x)],
      ['no secret', ''],
      ['the kid', kid],
      ["the tutorial's secret", jwtSecret],
    ] as [string, string | Buffer][]
  ).flatMap(([form, secret]): [string, string][] => [
    [`HS256 by our public key as ${form}`, byHmac(secret)],
    [`HS256 by our public key as ${form}, not naming it`, byHmac(secret, { kid: undefined })],
  ]),
  ...['RS256', 'PS256', 'RS512', 'ES384'].map((alg): [string, string] => [
    `${alg} by a key of the attacker`,
    byRsa({ alg }),
  ]),
  ['ES256 by a key of the attacker', byEc()],
  ...(
    [
      ['r = s = 0', Buffer.alloc(64)],
      ['r = s = n', Buffer.concat([bytesOf(order), bytesOf(order)])],
      ['r = 1, s = 1', Buffer.concat([bytesOf(1n), bytesOf(1n)])],
      ['r = s = 2^256 - 1', Buffer.alloc(64, 255)],
      ['DER of zeros', Buffer.from('3006020100020100', 'hex')],
      ['nothing', Buffer.alloc(0)],
      ['one byte', Buffer.alloc(1)],
      ['63 bytes', Buffer.from(validSignature, 'base64url').subarray(1)],
      ['65 bytes', Buffer.concat([Buffer.from(validSignature, 'base64url'), Buffer.alloc(1)])],
      ['10,000 bytes', Buffer.alloc(10_000)],
    ] as [string, Buffer][]
  ).map(([form, signature]): [string, string] => [
    `a signature of ${form}`,
    withSignature(input(), signature),
  ]),
  ...kids.map((name): [string, string] => [
    `kid ${String(JSON.stringify(name)).slice(0, 60)}`,
    byEc({ kid: name }),
  ]),
  ...['__proto__', 'constructor'].map((name): [string, string] => [
    `a header of prototype ${name}`,
    `${encode(`{"${name}":{"alg":"none","kid":"${kid}"}}`)}.${validClaims}.${validSignature}`,
  ]),
  ['jku', byRsa({ jku: trapUrl, kid: 'evil' })],
  ['jku beside our kid', byRsa({ jku: trapUrl })],
  ['x5u', byRsa({ x5u: trapUrl })],
  ['jwk', byRsa({ jwk: attackerJwk })],
  ['jwk and its kid', byRsa({ jwk: attackerJwk, kid: 'evil' })],
  ['jwk of the attacker by ES256', byEc({ jwk: ec.publicKey.export({ format: 'jwk' }) })],
  [
    'x5c',
    byRsa({ x5c: [rsa.publicKey.export({ format: 'der', type: 'spki' }).toString('base64')], x5t: 'x' }),
  ],
  ['all of them', byRsa({ jku: trapUrl, x5u: trapUrl, jwk: attackerJwk, x5c: [], url: trapUrl })],
  [
    'a JWE',
    `${encode({ alg: 'dir', enc: 'A256GCM', kid })}..${encode('iv')}.${encode('text')}.${encode('tag')}`,
  ],
  ['a JWE of a symmetric key', `${encode({ alg: 'A256KW', enc: 'A256GCM', zip: 'DEF' })}.${'A.'.repeat(3)}A`],
  [
    'flattened JSON',
    JSON.stringify({ protected: validHeader, payload: validClaims, signature: validSignature }),
  ],
  [
    'general JSON',
    JSON.stringify({
      payload: validClaims,
      signatures: [{ protected: validHeader, signature: validSignature }],
    }),
  ],
  ['a detached payload', `${validHeader}..${validSignature}`],
  [
    'an unencoded payload',
    `${encode({ ...valid.header, b64: false, crit: ['b64'] })}.${JSON.stringify(valid.claims)}.${validSignature}`,
  ],
  ...['=', '==', '%3D', ' ', '\t', '.', '.x', 'A', '/', '\u00a0'].map((tail): [string, string] => [
    `the valid token and ${JSON.stringify(tail)}`,
    valid.token + tail,
  ]),
  [
    'standard base64',
    Buffer.from(validHeader, 'base64url').toString('base64').concat('.', validClaims, '.', validSignature),
  ],
  [
    'another spelling of the last character',
    valid.token.slice(0, -1) + neighbourOf(valid.token.at(-1) as string),
  ],
  ['another spelling of the claims', `${validHeader}.${validClaims}=.${validSignature}`],
  ['15 KB of it', `${validHeader}.${'A'.repeat(14_000)}.${validSignature}`],
  ['5,000 dots', '.'.repeat(5_000)],
  ['5,000 nested arrays in the header', `${encode('['.repeat(5_000) + ']'.repeat(5_000))}.${validClaims}.x`],
  [
    'a kid of 5,000 nested arrays',
    byEc({ kid: JSON.parse('['.repeat(2_500) + ']'.repeat(2_500)) as unknown }),
  ],
  ['nothing', ''],
]

t.test('forged tokens all get the same 401', async (t) => {
  t.equal((await as(ring, valid.token).get('/users/me/')).statusCode, 200, 'the unchanged token is accepted')
  for (const [what, token] of attacks) await isRefused(t, ring, token, what)
})

t.test('forged tokens of a shared secret all get the same 401', async (t) => {
  const headers: Members[] = [
    ...algorithms.map((alg) => ({ alg, typ: 'JWT' })),
    ...['HS384', 'HS512', 'RS256', 'ES256'].map((alg) => ({ alg, typ: 'JWT' })),
  ]
  const claims = { sub: 'johndoe', exp: valid.claims.exp }
  for (const header of headers)
    for (const signature of ['', createHmac('sha256', jwtSecret).update('x').digest('base64url')])
      await isRefused(t, shared, `${encode(header)}.${encode(claims)}.${signature}`, JSON.stringify(header))
  for (const [what, token] of attacks)
    if (!what.includes("the tutorial's secret")) await isRefused(t, shared, token, what)
})

t.test('the public RSA key of a ring is not accepted as an HS256 secret', async (t) => {
  const app = await startApp(t, { JWT_SECRET: '', SIGNING_ALGORITHM: 'RS256' })
  const { token, header } = await readValidToken(app)
  t.match(header, { alg: 'RS256', typ: 'at+jwt' })
  t.equal((await as(app, token).get('/users/me/')).statusCode, 200, 'the unchanged token is accepted')
  const [jwk] = (await app.inject('/.well-known/jwks.json')).json<{ keys: JsonWebKey[] }>().keys
  const key = createPublicKey({ key: jwk as JsonWebKey, format: 'jwk' })
  for (const secret of [
    ...(['spki', 'pkcs1'] as const).flatMap((type) => [
      key.export({ format: 'pem', type }),
      String(key.export({ format: 'pem', type })).trim(),
      key.export({ format: 'der', type }),
    ]),
    JSON.stringify(jwk),
    String(jwk?.n),
  ])
    await isRefused(t, app, byHmac(secret, { kid: header.kid }), 'HS256')
  const claims = token.split('.')[1]
  await isRefused(t, app, `${encode({ ...header, alg: 'none' })}.${claims}.`, 'none')
  await isRefused(t, app, byRsa({ kid: header.kid }), 'RS256 by a key of the attacker')
  await isRefused(
    t,
    app,
    byRsa({ kid: header.kid, jwk: attackerJwk, jku: trapUrl }),
    'with the attacker’s key in the header',
  )
})

const wrongClaims: Members[] = [
  ...[
    undefined,
    null,
    '',
    'http://localhost:8001',
    'HTTP://LOCALHOST:8000',
    'http://localhost:8000/',
    ['http://localhost:8000'],
    {},
  ].map((iss) => ({ iss })),
  ...[
    undefined,
    null,
    '',
    'http://other',
    [],
    ['http://other'],
    { 0: 'http://localhost:8000' },
    [['http://localhost:8000']],
  ].map((aud) => ({ aud })),
  ...[undefined, null, '9999999999', '', true, [9999999999], {}, 0, -1, 1e-9, 1_000_000_000].map((exp) => ({
    exp,
  })),
  ...[undefined, null, '1', true, [1]].map((iat) => ({ iat })),
  ...[9_999_999_999, '1', null, []].map((nbf) => ({ nbf })),
  ...[
    undefined,
    null,
    '',
    0,
    ['johndoe'],
    { sub: 'johndoe' },
    'JOHNDOE',
    'johndoe\0',
    '\ud800',
    'client:',
    'client:johndoe',
    '__proto__',
  ].map((sub) => ({ sub })),
  ...[undefined, null, 7, ['x']].map((jti) => ({ jti })),
  ...[undefined, null, 7, []].map((client_id) => ({ client_id })),
  ...[
    null,
    7,
    'x',
    '',
    [valid.claims.sid],
    '00000000-0000-0000-0000-000000000000',
    `${valid.claims.sid}'`,
  ].map((sid) => ({ sid })),
  ...[null, 7, ['me']].map((scope) => ({ scope })),
]
const wrongHeaders: Members[] = [
  ...[undefined, null, 'JWT', 'at', 'at+jwt ', 'text/at+jwt', 'dpop+jwt', ['at+jwt'], {}].map((typ) => ({
    typ,
  })),
  ...[[], ['exp'], null, 'b64'].map((crit) => ({ crit })),
]

t.test('invalid claims and headers, signed with the key of the ring', async (t) => {
  const sign = await openSigner(ring)
  t.equal((await as(ring, sign()).get('/users/me/')).statusCode, 200, 'the unchanged token is accepted')
  for (const claims of wrongClaims) await isRefused(t, ring, sign({}, claims), JSON.stringify(claims))
  for (const header of wrongHeaders) await isRefused(t, ring, sign(header), JSON.stringify(header))
})

t.test('tokens of other kinds and of other issuers', async (t) => {
  const { access_token: access, refresh_token: refreshToken } = (
    await postToken(ring, { grant_type: 'password', username: 'johndoe', password: 'secret' })
  ).json<Record<string, string>>()
  await isRefused(t, ring, String(refreshToken), 'a refresh token')
  await isRefused(t, ring, await logIn(elsewhere, 'johndoe', 'secret'), 'a token of another deployment')
  await isRefused(t, ring, await logIn(shared, 'johndoe', 'secret'), 'a token of a shared secret')
  await isRefused(t, shared, String(access), 'a token of a key ring')
  for (const app of [ring, shared])
    await isRefused(t, app, await clientToken(app), 'the token of a client named like a user')
  for (const token of [access, refreshToken?.toUpperCase(), `${refreshToken} `, refreshToken?.slice(4)]) {
    const response = await postToken(ring, { grant_type: 'refresh_token', refresh_token: String(token) })
    t.match(response.json(), { error: 'invalid_grant' })
    t.equal(response.statusCode, 400)
  }
})

t.test('a client named like a user is told apart from the user', async (t) => {
  for (const app of [ring, shared]) {
    const ofClient = (await introspect(app, await clientToken(app))).json<Members>()
    t.match(ofClient, { active: true, sub: 'client:johndoe', client_id: 'johndoe' })
    t.notHas(ofClient, 'username')
    const ofUser = (await introspect(app, await logIn(app, 'johndoe', 'secret'))).json<Members>()
    t.match(ofUser, { active: true, sub: 'johndoe', client_id: 'first-party', username: 'johndoe' })
  }
})

t.test('other services with the shared secret cannot misuse the claims of this service', async (t) => {
  const exp = valid.claims.exp
  const mint = (claims: Members) => {
    const text = `${encode({ alg: 'HS256', typ: 'JWT' })}.${encode({ exp, ...claims })}`
    return withSignature(text, createHmac('sha256', jwtSecret).update(text).digest())
  }
  for (const claims of [
    { sub: 'client:johndoe' },
    { sub: 'client:johndoe', gen: 0 },
    { sub: 'client:johndoe', client_id: 'johndoe' },
    { sub: 'client:johndoe', client_id: 'first-party', gen: 0 },
    ...[0.5, -1, 2 ** 31 - 1, 2 ** 31, 2 ** 32, -(2 ** 31), -(2 ** 31) - 1].map((gen) => ({
      ...{ sub: 'client:johndoe', client_id: 'johndoe', gen },
    })),
    { sub: 'client:johndoe', client_id: 'johndoe', gen: 2 ** 53 },
    { sub: 'client:johndoe', client_id: 'johndoe', gen: 1e300 },
    { sub: 'client:johndoe', client_id: 'johndoe', gen: '0' },
  ]) {
    const response = await introspect(shared, mint(claims))
    t.equal(response.statusCode, 200, JSON.stringify(claims))
    t.same(response.json(), { active: false }, JSON.stringify(claims))
    await isRefused(t, shared, mint(claims), JSON.stringify(claims))
  }
  for (const claims of [
    { sub: 'johndoe', sid: 'of another session' },
    { sub: 'johndoe', sid: ['00000000-0000-0000-0000-000000000000'] },
    { sub: 'johndoe', sid: 7, gen: 'x', scope: ['x'] },
    { sub: 'johndoe', active: false, username: 'alice', token_type: 'x' },
    { sub: 'johndoe', client_id: 'first-party', iss: 7, aud: {}, gen: 'x', rgen: 'x', sid: 7 },
    { sub: 'johndoe', client_id: ['x'], iss: null, aud: null },
  ]) {
    const token = mint(claims)
    t.equal((await as(shared, token).get('/users/me/')).statusCode, 200, JSON.stringify(claims))
    const described = (await introspect(shared, token)).json<Members>()
    t.match(described, { active: true, sub: 'johndoe', username: 'johndoe' })
    for (const name of ['client_id', 'aud', 'iss']) t.notHas(described, name)
  }
  for (const iss of [{}, { toString: 7 }, 7, null, ['x']])
    for (const response of [
      await introspect(shared, mint({ sub: 'johndoe', iss })),
      await as(shared, mint({ sub: 'johndoe', iss })).get('/users/me/'),
    ])
      t.ok(response.statusCode < 500, JSON.stringify(iss))
})

t.test('tokens too large to read', async (t) => {
  const token = `${validHeader}.${'A'.repeat(100_000)}.${validSignature}`
  for (const app of [ring, shared])
    for (const [url, form] of [
      ['/revoke', { token }],
      ['/introspect', { token }],
      ['/token', { grant_type: 'refresh_token', refresh_token: token }],
    ] as const) {
      const response = await post(app, url, form)
      t.equal(response.statusCode, 413, url)
      t.match(response.json(), { error: 'invalid_request', detail: 'Payload Too Large' }, url)
    }
})

t.test('10,000 unknown key ids cause no flood of queries', async (t) => {
  const url = await cloneDatabase(t)
  const app = await startApp(t, { JWT_SECRET: '' }, url)
  await untilConnected(app)
  for (let round = 0; round < 100; round++)
    await Promise.all(
      Array.from({ length: 100 }, (_, index) =>
        as(app, byEc({ kid: `made-up-${round}-${index}` })).get('/users/me/'),
      ),
    )
  await app.close()
  // The statistics of a connection are visible to others once it has ended.
  await until('the connections to end', async () => {
    const open = await query(
      url,
      'SELECT FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()',
    )
    return open.length === 0
  })
  const [scans] = await query<{ keys: number; users: number }>(
    url,
    `SELECT sum(seq_scan + coalesce(idx_scan, 0)) FILTER (WHERE relname = 'signing_keys')::int AS keys,
      sum(seq_scan + coalesce(idx_scan, 0)) FILTER (WHERE relname = 'users')::int AS users FROM pg_stat_user_tables`,
  )
  t.ok((scans?.keys ?? 0) > 0, 'the keys were read')
  t.ok((scans?.keys ?? 0) < 1_000, `${scans?.keys} times`)
  t.ok((scans?.users ?? 0) < 10, `and users ${scans?.users} times`)
})

async function readValidToken(app: FastifyInstance) {
  const token = await logIn(app, 'johndoe', 'secret')
  const [header, claims] = token
    .split('.')
    .slice(0, 2)
    .map((part) => JSON.parse(String(Buffer.from(part, 'base64url'))) as Members)
  return { token, header: header as Members, claims: claims as Members & { exp: number } }
}

/** Returns another base64url character for the same bits at the end of a signature. */
function neighbourOf(character: string): string {
  const alphabet = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_'
  return String(alphabet[alphabet.indexOf(character) + 1])
}

/** Signs with the key of the ring. */
async function openSigner(app: FastifyInstance) {
  const [stored] = await listKeys(app.database)
  const key = createPrivateKey({
    key: openPrivateKey(stored as StoredKey, sealingKeysOf(loadConfig({}))),
    format: 'der',
    type: 'pkcs8',
  })
  return (header: Members = {}, claims: Members = {}) => {
    const text = input(header, claims)
    return withSignature(text, signBytes('sha256', Buffer.from(text), { key, dsaEncoding: 'ieee-p1363' }))
  }
}

async function isRefused(t: Test, app: FastifyInstance, token: string, what: string): Promise<void> {
  const response = await as(app, token).get('/users/me/')
  t.equal(response.statusCode, 401, what)
  t.equal(response.headers['www-authenticate'], 'Bearer', what)
  t.equal(response.body, '{"detail":"Could not validate credentials"}', what)
  t.equal(connections, 0, 'no key was fetched')
}

async function clientToken(app: FastifyInstance): Promise<string> {
  const form = { grant_type: 'client_credentials', client_id: 'johndoe', client_secret: clientSecret }
  return (await postToken(app, form)).json<{ access_token: string }>().access_token
}

function introspect(app: FastifyInstance, token: string) {
  return post(app, '/introspect', { token, client_id: 'johndoe', client_secret: clientSecret })
}

function post(app: FastifyInstance, url: string, form: Record<string, string>) {
  return app.inject({
    method: 'POST',
    url,
    headers: { 'content-type': 'application/x-www-form-urlencoded' },
    payload: new URLSearchParams(form).toString(),
  })
}
