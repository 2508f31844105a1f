import { createPrivateKey, createPublicKey, type JsonWebKey, sign, verify } from 'node:crypto'
import t from 'tap'
import { listKeys, openPrivateKey } from '../../src/auth/keys/key-store.js'
import { loadConfig } from '../../src/config/index.js'
import { sealingKeysOf } from '../../src/sealing/sealing-keys.js'
import { askWho, decode, issuer, signIn, signInClient, startIssuer } from './server.js'

const app = await startIssuer(t)
const tokens = await signIn(app)
const header = decode(tokens.access_token, 0)
const claims = decode(tokens.access_token, 1)
const [key] = await listKeys(app.database)
if (!key) throw new Error('there is no key')
const privateKey = createPrivateKey({
  key: openPrivateKey(key, sealingKeysOf(loadConfig({}))),
  format: 'der',
  type: 'pkcs8',
})

const encode = (value: object) => Buffer.from(JSON.stringify(value)).toString('base64url')

/** Returns a token signed by the key of the ring, with some members changed; undefined removes one. */
function mint(headerChanges: object, claimChanges: object): string {
  const input = `${encode({ ...header, ...headerChanges })}.${encode({ ...claims, ...claimChanges })}`
  const signature = sign('sha256', Buffer.from(input), { key: privateKey, dsaEncoding: 'ieee-p1363' })
  return `${input}.${signature.toString('base64url')}`
}

t.test('§2.1 the header has the type of the token and the id of its key', async (t) => {
  t.same(header, { alg: 'ES256', typ: 'at+jwt', kid: key.kid })
})

t.test('§2.1 the signature verifies with the published key', async (t) => {
  const [input, signature = ''] = tokens.access_token.split(/\.(?=[^.]*$)/)
  const [jwk] = (await app.inject('/.well-known/jwks.json')).json<{ keys: JsonWebKey[] }>().keys
  const publicKey = createPublicKey({ key: jwk ?? {}, format: 'jwk' })
  const options = { key: publicKey, dsaEncoding: 'ieee-p1363' } as const
  t.ok(verify('sha256', Buffer.from(input ?? ''), options, Buffer.from(signature, 'base64url')))
})

t.test('§2.2 the claims of a token for a user', async (t) => {
  t.match(claims, {
    ...{ iss: issuer, aud: issuer, sub: 'johndoe', client_id: 'reports', scope: 'me items:read' },
    ...{ iat: Number, exp: Number, jti: /^[\da-f-]{36}$/ },
  })
  t.equal(Number(claims.exp) - Number(claims.iat), 1800)
  t.not(decode((await signIn(app)).access_token, 1).jti, claims.jti)
})

t.test('§2.2 the subject of a client’s own token has a prefix of its own', async (t) => {
  const own = decode((await signInClient(app)).access_token, 1)
  t.match(own, { sub: 'client:reports', client_id: 'reports', scope: 'me items:read orders:read' })
})

t.test('§3 the audience can be configured', async (t) => {
  const other = await startIssuer(t, { AUDIENCE: 'https://api.example.com' })
  const { access_token } = await signIn(other)
  t.equal(decode(access_token, 1).aud, 'https://api.example.com')
  t.equal((await askWho(other, `Bearer ${access_token}`)).statusCode, 200)
})

t.test('§4 a token is accepted when every check passes', async (t) => {
  for (const [what, token] of [
    ['as it is', mint({}, {})],
    ['the media type in full', mint({ typ: 'application/at+jwt' }, {})],
    ['the type in another case', mint({ typ: 'AT+JWT' }, {})],
    ['one audience of several', mint({}, { aud: ['other', issuer] })],
    ['an unknown claim', mint({}, { custom: { a: 1 } })],
  ] as const)
    t.equal((await askWho(app, `Bearer ${token}`)).statusCode, 200, what)
})

t.test('§4 a token is refused when one check fails', async (t) => {
  for (const [what, headerChanges, claimChanges] of [
    ['no type', { typ: undefined }, {}],
    ['the type of any JWT', { typ: 'JWT' }, {}],
    ['a type that is not a string', { typ: 1 }, {}],
    ['a critical extension', { crit: ['exp'] }, {}],
    ['another issuer', {}, { iss: 'https://login.example.com.evil.example' }],
    ['no issuer', {}, { iss: undefined }],
    ['another audience', {}, { aud: 'other' }],
    ['no audience', {}, { aud: undefined }],
    ['an audience that is not a string', {}, { aud: [1] }],
    ['no subject', {}, { sub: undefined }],
    ['no client', {}, { client_id: undefined }],
    ['no id', {}, { jti: undefined }],
    ['no time of issue', {}, { iat: undefined }],
    ['no expiry', {}, { exp: undefined }],
    ['expired', {}, { exp: Math.floor(Date.now() / 1000) - 1 }],
    ['not yet valid', {}, { nbf: Math.floor(Date.now() / 1000) + 600 }],
    ['a scope that is not a string', {}, { scope: ['me'] }],
    ['a family id that is not a UUID', {}, { sid: 'x' }],
    ['another family', {}, { sid: '00000000-0000-7000-8000-000000000000' }],
  ] as [string, object, object][])
    t.equal((await askWho(app, `Bearer ${mint(headerChanges, claimChanges)}`)).statusCode, 401, what)
})
