import { generateKeyPairSync, type KeyObject, verify, webcrypto } from 'node:crypto'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { type ClientOptions, serviceClient } from '../src/index.js'
import { secretFile } from '../src/node.js'
import {
  type FakeServer,
  fakeServer,
  issue,
  issuer,
  refuse,
  settle,
  tokenUrl,
} from './helpers/fake-server.js'

const basic = (secret: string, clientId = 'reports') => `Basic ${btoa(`${clientId}:${secret}`)}`

/** Lets the server accept one secret alone. */
function acceptOnly(server: FakeServer, secret: string): void {
  server.answers.set(tokenUrl, ({ headers }) =>
    headers.get('authorization') === basic(secret) ? issue(`by-${secret}`) : refuse('invalid_client', 401),
  )
}

const secretsSent = (server: FakeServer) =>
  server.requestsTo(tokenUrl).map(({ headers }) => headers.get('authorization'))

t.test('the next secret is tried when one is refused, and then is the first', async (t) => {
  const server = fakeServer()
  acceptOnly(server, 'new')
  const client = serviceClient({ ...server.options, clientSecret: ['old', 'new', 'old'] })
  t.equal(await client.getToken(), 'by-new')
  t.equal(server.events.filter(({ type }) => type === 'credentials_refused').length, 1)
  client.invalidate('by-new')
  t.equal(await client.getToken(), 'by-new')
  t.same(secretsSent(server), [basic('old'), basic('new'), basic('new')])
})

t.test('if all secrets are refused, the error says so, and no storm of requests follows', async (t) => {
  const server = fakeServer()
  acceptOnly(server, 'other')
  const client = serviceClient({ ...server.options, clientSecret: ['1', '2', '3', '4', '5'] })
  for (let call = 0; call < 5; call += 1)
    await t.rejects(client.getToken(), {
      code: 'invalid_client',
      status: 401,
      error: 'invalid_client',
      retryable: false,
    })
  t.equal(server.requestsTo(tokenUrl).length, 4)
  t.same(server.clock.pauses, [])
})

t.test('another error than that of the client is not tried with the next secret', async (t) => {
  const server = fakeServer()
  server.answers.set(tokenUrl, () => refuse('unauthorized_client'))
  await t.rejects(serviceClient({ ...server.options, clientSecret: ['1', '2'] }).getToken(), {
    code: 'unauthorized_client',
  })
  t.equal(server.requestsTo(tokenUrl).length, 1)
})

t.test('a secret of a function is asked for before every token request', async (t) => {
  const server = fakeServer()
  let secret = 'first'
  const client = serviceClient({ ...server.options, clientSecret: async () => secret })
  await client.getToken()
  secret = 'second'
  await client.getToken({ scope: 'a' })
  t.same(secretsSent(server), [basic('first'), basic('second')])
})

t.test('the parts of Basic credentials are form-url-encoded', async (t) => {
  const server = fakeServer()
  await serviceClient({ ...server.options, clientId: 'a:b', clientSecret: 'c%d é' }).getToken()
  t.same(secretsSent(server), [basic('c%25d+%C3%A9', 'a%3Ab')])
})

t.test('a file with secrets is read before every token request', async (t) => {
  const server = fakeServer()
  const file = join(t.testdir({ secret: 'first\n' }), 'secret')
  const client = serviceClient({ ...server.options, clientSecret: secretFile(file) })
  await client.getToken()
  writeFileSync(file, 'second\r\n\nthird\n')
  acceptOnly(server, 'third')
  t.equal(await client.getToken({ scope: 'a' }), 'by-third')
  t.same(secretsSent(server), [basic('first'), basic('second'), basic('third')])
})

t.test(
  'credentials that cannot be read are an error with its cause, and are asked for again later',
  async (t) => {
    const server = fakeServer()
    const path = join(t.testdir({}), 'absent')
    const { privateKey: sha512 } = await crypto.subtle.generateKey(
      {
        name: 'RSASSA-PKCS1-v1_5',
        modulusLength: 2048,
        publicExponent: new Uint8Array([1, 0, 1]),
        hash: 'SHA-512',
      },
      true,
      ['sign', 'verify'],
    )
    const faulty: [Partial<ClientOptions>, object][] = [
      [{ clientSecret: secretFile(path) }, { code: 'ENOENT' }],
      [{ clientSecret: () => [] }, { message: 'there is no secret' }],
      [{ clientSecret: () => Promise.reject(new Error('vault is sealed')) }, { message: 'vault is sealed' }],
      [{ clientAssertion: () => '' }, { message: 'there is no assertion' }],
      [{ privateKey: { key: 'no key' } }, { message: 'the private key is not valid' }],
      [{ privateKey: () => ({ key: sha512 }) }, { message: 'a key for RSASSA-PKCS1-v1_5 cannot be used' }],
      [{ privateKey: { key: { kty: 'oct' } } }, { message: 'the private key is not valid' }],
    ]
    for (const [credentials, cause] of faulty) {
      const client = serviceClient({ ...server.options, clientSecret: undefined as never, ...credentials })
      await t.rejects(client.getToken(), { code: 'credentials_unavailable', cause })
    }
    t.equal(server.requestsTo(tokenUrl).length, 0)
  },
)

t.test('a function that never returns a secret does not hold calls up for ever', async (t) => {
  const server = fakeServer()
  const client = serviceClient({ ...server.options, clientSecret: () => new Promise<string>(() => {}) })
  const call = client.getToken()
  await settle()
  server.clock.advance(5_000)
  await t.rejects(call, { code: 'credentials_unavailable' })
})

t.test('the token of a platform can be in a file', async (t) => {
  const server = fakeServer()
  const path = join(t.testdir({ token: 'platform.token\n' }), 'token')
  const { clientSecret, ...options } = server.options
  await serviceClient({ ...options, clientAssertion: secretFile(path) }).getToken()
  t.match(server.requestsTo(tokenUrl)[0]?.form.get('client_assertion'), 'platform.token')
})

t.test('the token of a platform is sent as an assertion', async (t) => {
  const server = fakeServer()
  const { clientSecret, ...options } = server.options
  await serviceClient({ ...options, clientAssertion: async () => 'platform.token' }).getToken()
  const form = Object.fromEntries(server.requestsTo(tokenUrl)[0]?.form ?? [])
  t.same(form, {
    grant_type: 'client_credentials',
    client_id: 'reports',
    client_assertion_type: 'urn:ietf:params:oauth:client-assertion-type:jwt-bearer',
    client_assertion: 'platform.token',
  })
})

const pem = (key: KeyObject) => key.export({ type: 'pkcs8', format: 'pem' }).toString()
const ec = generateKeyPairSync('ec', { namedCurve: 'P-256' })
const ed = generateKeyPairSync('ed25519')
const rsa = generateKeyPairSync('rsa', { modulusLength: 2048 })

/** Returns the assertion that a client with a key sends. */
async function sendAssertion(privateKey: NonNullable<ClientOptions['privateKey']>): Promise<string> {
  const server = fakeServer()
  const { clientSecret, ...options } = server.options
  await serviceClient({ ...options, privateKey }).getToken()
  return String(server.requestsTo(tokenUrl)[0]?.form.get('client_assertion'))
}

const decode = (part = '') => JSON.parse(Buffer.from(part, 'base64url').toString()) as Record<string, unknown>

t.test('a private key in any form signs an assertion for this request alone', async (t) => {
  const imported = await webcrypto.subtle.importKey(
    'pkcs8',
    ec.privateKey.export({ type: 'pkcs8', format: 'der' }),
    { name: 'ECDSA', namedCurve: 'P-256' },
    false,
    ['sign'],
  )
  const jwk = { ...ec.privateKey.export({ format: 'jwk' }), kid: 'from-jwk' }
  const keys: [NonNullable<ClientOptions['privateKey']>, KeyObject, string, string | undefined][] = [
    [{ key: pem(ec.privateKey), kid: '1' }, ec.publicKey, 'ES256', '1'],
    [{ key: jwk }, ec.publicKey, 'ES256', 'from-jwk'],
    [{ key: imported }, ec.publicKey, 'ES256', undefined],
    [() => ({ key: pem(ed.privateKey) }), ed.publicKey, 'EdDSA', undefined],
    [async () => ({ key: pem(rsa.privateKey) }), rsa.publicKey, 'RS256', undefined],
  ]
  for (const [privateKey, publicKey, alg, kid] of keys) {
    const assertion = await sendAssertion(privateKey)
    const [header, payload, signature = ''] = assertion.split('.')
    t.same(decode(header), { alg, typ: 'client-authentication+jwt', ...(kid && { kid }) })
    const { jti, ...claims } = decode(payload)
    t.match(jti, /^[\w-]{22}$/)
    t.same(claims, { iss: 'reports', sub: 'reports', aud: issuer, exp: Date.UTC(2030, 0, 1) / 1000 + 150 })
    const key = { key: publicKey, dsaEncoding: 'ieee-p1363' } as const
    const digest = alg === 'EdDSA' ? null : 'sha256'
    t.ok(verify(digest, Buffer.from(`${header}.${payload}`), key, Buffer.from(signature, 'base64url')))
  }
})

t.test('a key of an algorithm that Latchkey refuses is not used', async (t) => {
  const server = fakeServer()
  const { privateKey: key } = await webcrypto.subtle.generateKey(
    { name: 'ECDSA', namedCurve: 'P-384' },
    false,
    ['sign'],
  )
  const other = (await webcrypto.subtle.generateKey({ name: 'HMAC', hash: 'SHA-256' }, false, [
    'sign',
  ])) as never
  for (const privateKey of [{ key }, { key: other }]) {
    const { clientSecret, ...options } = server.options
    await t.rejects(serviceClient({ ...options, privateKey: () => privateKey }).getToken(), {
      code: 'credentials_unavailable',
    })
  }
})
