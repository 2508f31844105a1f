import { createPublicKey, type JsonWebKey } from 'node:crypto'
import t from 'tap'
import { startApp } from '../helpers/app.js'
import { decode, signIn, startIssuer } from './server.js'

interface Jwks {
  keys: (JsonWebKey & { kid: string; use: string; alg: string })[]
}

const url = '/.well-known/jwks.json'

t.test('§4, §5 a set of public keys, each with its type, use, algorithm and id', async (t) => {
  for (const [algorithm, type, members] of [
    ['ES256', 'EC', ['alg', 'crv', 'kid', 'kty', 'use', 'x', 'y']],
    ['RS256', 'RSA', ['alg', 'e', 'kid', 'kty', 'n', 'use']],
  ] as const) {
    const app = await startIssuer(t, { SIGNING_ALGORITHM: algorithm })
    const { keys } = (await app.inject(url)).json<Jwks>()
    t.equal(keys.length, 1)
    const [key] = keys
    t.match(key, { kty: type, use: 'sig', alg: algorithm })
    t.same(Object.keys(key ?? {}).sort(), members, 'no private member')
    t.equal(createPublicKey({ key: key ?? {}, format: 'jwk' }).type, 'public')
    t.equal(decode((await signIn(app)).access_token, 0).kid, key?.kid)
  }
})

t.test('RFC 7518 §3.3 an RSA key has 2048 bits or more', async (t) => {
  const app = await startIssuer(t, { SIGNING_ALGORITHM: 'RS256' })
  const [key] = (await app.inject(url)).json<Jwks>().keys
  t.ok(Buffer.from(String(key?.n), 'base64url').length >= 256)
})

t.test('the set can be cached until a new key signs, and revalidated by its entity tag', async (t) => {
  const app = await startIssuer(t, { JWKS_MAX_AGE_SECONDS: '120' })
  const first = await app.inject(url)
  t.equal(first.headers['cache-control'], 'public, max-age=120')
  const etag = String(first.headers.etag)
  for (const list of [etag, `W/${etag}`, `"x", ${etag}`, '*']) {
    const again = await app.inject({ url, headers: { 'if-none-match': list } })
    t.equal(again.statusCode, 304, list)
    t.equal(again.body, '')
    t.equal(again.headers.etag, etag)
  }
  t.equal((await app.inject({ url, headers: { 'if-none-match': '"x"' } })).statusCode, 200)
})

t.test('with a shared secret the set is empty', async (t) => {
  t.same((await (await startApp(t)).inject(url)).json(), { keys: [] })
})
