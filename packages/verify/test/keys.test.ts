import { exportJWK, generateKeyPair } from 'jose'
import t from 'tap'
import type { TestIssuer } from '../src/testing.js'
import { createSignal, start, urls } from './helpers/verifier.js'

const minute = 60_000

async function readJwks(issuer: TestIssuer): Promise<{ keys: object[] }> {
  const response = await issuer.fetch(urls.jwks)
  return (await response.json()) as { keys: object[] }
}

t.test('metadata and keys are fetched once for requests at the same time', async (t) => {
  const { verify, bearer, count } = await start({ checkStatus: false })
  const header = await bearer()
  await Promise.all(Array.from({ length: 20 }, () => verify(header)))
  t.same([count(urls.metadata), count(urls.jwks)], [1, 1])
})

t.test('keys are fetched again in the background before their max-age ends', async (t) => {
  const { verify, bearer, count, issuer, next } = await start({ checkStatus: false })
  const header = await bearer({ expiresIn: 3_600 })
  await verify(header)
  issuer.clock.advance(199_000)
  await verify(header)
  t.equal(count(urls.jwks), 1, 'two thirds of 300 s')
  issuer.clock.advance(1_000)
  const fetched = Promise.all([next('document_fetched', 'metadata'), next('document_fetched', 'jwks')])
  await verify(header)
  t.match(await fetched, [
    { url: urls.metadata, changed: false },
    { url: urls.jwks, changed: false },
  ])
  t.equal(count(urls.jwks), 2)
})

t.test('a key that is published after the last fetch is found at once', async (t) => {
  const { verify, bearer, issuer, count } = await start({ checkStatus: false })
  const old = await bearer()
  await verify(old)
  await issuer.rotate()
  t.ok(await verify(await bearer()))
  t.ok(await verify(old), 'the former key is still published')
  t.equal(count(urls.jwks), 2)
})

t.test('unknown kids cause no more than one fetch in five seconds', async (t) => {
  const { verify, bearer, issuer, count } = await start({ checkStatus: false })
  const forge = (kid: string) => bearer({ header: { kid } })
  await verify(await bearer())
  for (let round = 0; round < 3; round++) {
    const forged = await Promise.all(Array.from({ length: 10 }, (_, index) => forge(`${round}-${index}`)))
    for (const header of forged) await t.rejects(verify(header), { code: 'unknown_key', status: 401 })
    await Promise.all(forged.map((header) => t.rejects(verify(header), { code: 'unknown_key' })))
    t.equal(count(urls.jwks), 2 + round)
    issuer.clock.advance(5_000)
  }
})

t.test('while the keys cannot be fetched, an unknown key is no fault of the token', async (t) => {
  const { verify, bearer, issuer, count } = await start({ checkStatus: false })
  const header = await bearer()
  await verify(header)
  issuer.clock.advance(5_000)
  issuer.fail(503)
  const forged = await bearer({ header: { kid: 'unknown' } })
  for (let attempt = 0; attempt < 5; attempt++)
    await t.rejects(verify(forged), { code: 'keys_unavailable', status: 503, retryable: true })
  t.equal(count(urls.jwks), 2, 'failures have a cooldown')
  t.ok(await verify(header))
})

t.test('a key that was withdrawn is refused when the max-age ends', async (t) => {
  const { verify, bearer, issuer } = await start({ checkStatus: false })
  const header = await bearer()
  await verify(header)
  await issuer.rotate({ withdraw: true })
  t.ok(await verify(header))
  issuer.clock.advance(300_000)
  await t.rejects(verify(header), { code: 'unknown_key' })
})

t.test('while the issuer fails, keys are used up to their hard age', async (t) => {
  const { verify, bearer, issuer, count } = await start({ checkStatus: false, maxKeyAgeMs: 30 * minute })
  const header = await bearer({ expiresIn: 7_200 })
  await verify(header)
  issuer.fail('network')
  issuer.clock.advance(29 * minute)
  t.ok(await verify(header))
  const requests = count(urls.metadata)
  t.ok(await verify(header))
  t.equal(count(urls.metadata), requests, 'no fetch within the cooldown')
  issuer.clock.advance(minute)
  await t.rejects(verify(header), {
    code: 'keys_unavailable',
    cause: { document: 'metadata', code: 'unreachable' },
  })
  issuer.fail(null)
  await t.rejects(verify(header), { code: 'keys_unavailable' }, 'within the cooldown')
  issuer.clock.advance(5_000)
  t.ok(await verify(header))
})

t.test('while the issuer fails, requests do not wait for it', async (t) => {
  const { verify, bearer, issuer, next, count } = await start({ checkStatus: false })
  const header = await bearer({ expiresIn: 3_600 })
  await verify(header)
  issuer.fail('network')
  issuer.clock.advance(5 * minute)
  await verify(header)
  issuer.clock.advance(1_000)
  const failed = next('document_failed', 'jwks')
  issuer.fail('silence')
  const requests = count(urls.metadata)
  await verify(header)
  await verify(header)
  t.equal(count(urls.metadata), requests + 1, 'one fetch, in the background')
  issuer.fail(null)
  t.notOk(await Promise.race([failed, Promise.resolve(null)]), 'which has not ended')
})

t.test('after an idle time nothing is known of an issuer that failed, so that it is asked', async (t) => {
  const { verify, bearer, issuer } = await start({ checkStatus: false })
  const header = await bearer({ expiresIn: 3_600 })
  await verify(header)
  issuer.fail('network')
  issuer.clock.advance(5 * minute)
  t.ok(await verify(header))
  issuer.fail(null)
  await issuer.rotate({ withdraw: true })
  issuer.clock.advance(minute)
  await t.rejects(verify(header), { code: 'unknown_key' })
})

t.test('the cooldown doubles with each failure, and the time that the server asks for is kept', async (t) => {
  const { verify, bearer, issuer, events, answer } = await start({ checkStatus: false })
  const header = await bearer()
  const retries = () => events.flatMap((event) => (event.type === 'document_failed' ? [event.retryInMs] : []))
  issuer.fail(500)
  for (const [index, ms] of [1_000, 2_000, 4_000, 5_000, 5_000].entries()) {
    await t.rejects(verify(header), { code: 'keys_unavailable' })
    // The metadata and the keys that depend on it.
    t.same(retries().slice(2 * index), [ms, ms])
    issuer.clock.advance(ms - 1)
    await t.rejects(verify(header), { code: 'keys_unavailable' })
    t.equal(retries().length, 2 * index + 2)
    issuer.clock.advance(1)
  }
  issuer.fail(null)
  answer(urls.jwks, () => new Response('', { status: 503, headers: { 'retry-after': '3' } }))
  await t.rejects(verify(header), { code: 'keys_unavailable' })
  t.equal(retries().at(-1), 5_000)
  answer(urls.jwks, null)
  issuer.clock.advance(5_000)
  await verify(header)
  answer(urls.jwks, () => new Response('', { status: 503, headers: { 'retry-after': '3' } }))
  issuer.clock.advance(5 * minute)
  await verify(header)
  t.equal(retries().at(-1), 3_000)
})

t.test('the clock may be set back or forward', async (t) => {
  const { verify, bearer, issuer } = await start({ checkStatus: false })
  const header = await bearer({ expiresIn: 7_200 })
  await verify(header)
  issuer.clock.jump(-60 * minute)
  t.ok(await verify(header))
  await issuer.rotate({ withdraw: true })
  issuer.clock.advance(5 * minute)
  await t.rejects(verify(header), { code: 'unknown_key' }, 'the keys have aged all the same')
  issuer.clock.jump(120 * minute)
  const fresh = await bearer()
  t.ok(await verify(fresh))
  issuer.clock.jump(-120 * minute)
  t.ok(await verify(fresh))
})

t.test('a machine that slept asks for the keys again, though its processor time stood still', async (t) => {
  const { verify, bearer, issuer } = await start({ checkStatus: false })
  const header = await bearer()
  await verify(header)
  await issuer.rotate({ withdraw: true })
  issuer.clock.jump(5 * minute)
  await t.rejects(verify(header), { code: 'unknown_key' })
})

t.test('keys that have moved are fetched without the entity tag of the former URL', async (t) => {
  const { verify, bearer, issuer, answer } = await start({ checkStatus: false })
  const header = await bearer()
  await verify(header)
  const moved = 'https://latchkey.test/keys'
  answer(urls.metadata, () => Response.json({ issuer: 'https://latchkey.test', jwks_uri: moved }))
  answer(moved, async ({ headers }) => {
    t.equal(headers.get('if-none-match'), null)
    return issuer.fetch(urls.jwks)
  })
  issuer.clock.advance(5 * minute)
  t.ok(await verify(header))
  t.ok(issuer.requests.includes(moved))
})

t.test('Cache-Control and Age say how long keys are kept', async (t) => {
  const lifetimes: [headers: Record<string, string>, seconds: number][] = [
    [{ 'cache-control': 'max-age=60' }, 60],
    [{ 'cache-control': 'public,max-age="60"' }, 60],
    [{ 'cache-control': 'Public, Max-Age=60', age: '20' }, 40],
    [{ 'cache-control': 'max-age=60', age: '90' }, 1],
    [{ 'cache-control': 's-maxage=60' }, 300],
    [{ 'cache-control': 'max-age=-1', age: 'soon' }, 300],
    [{ 'cache-control': 'max-age=99999999999' }, 3_600],
    [{ 'cache-control': 'max-age=999999999999999999' }, 3_600],
    [{ 'cache-control': 'no-store' }, 1],
    [{ 'cache-control': 'max-age=60, no-cache' }, 1],
    [{}, 300],
  ]
  for (const [headers, seconds] of lifetimes) {
    const { verify, bearer, issuer, answer, count } = await start({ checkStatus: false, jwksUri: urls.jwks })
    const { keys } = await readJwks(issuer)
    answer(urls.jwks, () => Response.json({ keys }, { headers }))
    const header = await bearer({ expiresIn: 7_200 })
    await verify(header)
    issuer.clock.advance(seconds * 666)
    await verify(header)
    t.equal(count(urls.jwks), 2, `${JSON.stringify(headers)}: two thirds have not passed`)
    issuer.clock.advance(seconds)
    await verify(header)
    t.equal(count(urls.jwks), 3, 'two thirds have passed')
  }
})

t.test('a configured URL of the keys takes the place of the metadata', async (t) => {
  const { verify, bearer, count } = await start({ checkStatus: false, jwksUri: urls.jwks })
  t.ok(await verify(await bearer()))
  t.equal(count(urls.metadata), 0)
})

t.test('the metadata of an issuer with a path is found', async (t) => {
  const issuer = 'https://latchkey.test/tenant'
  const { verify, bearer, answer, issuer: server } = await start({ checkStatus: false }, { issuer })
  answer('https://latchkey.test/.well-known/oauth-authorization-server/tenant', () =>
    Response.json({ issuer, jwks_uri: `${issuer}/.well-known/jwks.json` }),
  )
  t.ok(await verify(await bearer()))
  t.match(server.requests, ['https://latchkey.test/.well-known/oauth-authorization-server/tenant'])
})

t.test('keys that cannot be used are ignored', async (t) => {
  const { verify, bearer, issuer, answer, events } = await start({ checkStatus: false })
  const { keys } = await readJwks(issuer)
  const good = keys[0] as Record<string, string>
  const short = await crypto.subtle.generateKey(
    {
      name: 'RSASSA-PKCS1-v1_5',
      modulusLength: 1024,
      publicExponent: new Uint8Array([1, 0, 1]),
      hash: 'SHA-256',
    },
    true,
    ['sign', 'verify'],
  )
  const secret = await generateKeyPair('ES256', { extractable: true })
  const p384 = await exportJWK((await generateKeyPair('ES384')).publicKey)
  const bad = [
    null,
    { ...p384, alg: 'ES256', kid: 'key-1' },
    { ...p384, alg: 'RS256', kid: 'key-1' },
    { ...p384, alg: 'ES384', kid: 'key-1' },
    'key',
    {},
    { ...good, kid: 1 },
    { ...good, use: 'enc' },
    { ...good, alg: undefined },
    { ...good, alg: 'ES384' },
    { ...good, alg: 'RS256' },
    { ...good, crv: 'P-384' },
    { ...good, x: good.y },
    { ...good, x: 1 },
    { ...good, kty: 'oct', k: 'AAAA' },
    { kty: 'oct', k: 'AAAA', alg: 'ES256', kid: 'key-1' },
    { ...(await exportJWK(secret.privateKey)), alg: 'ES256', kid: 'key-1' },
    { ...(await crypto.subtle.exportKey('jwk', short.publicKey)), alg: 'RS256', kid: 'key-1' },
  ]
  const header = await bearer()
  answer(urls.jwks, () => Response.json({ keys: bad }))
  await t.rejects(verify(header), { code: 'keys_unavailable' })
  t.match(events, [{}, { type: 'document_failed', document: 'jwks', error: { code: 'invalid' } }])
  issuer.clock.advance(5_000)
  answer(urls.jwks, () => Response.json({ keys: [...bad, good, ...bad] }))
  t.ok(await verify(header))
})

t.test('a caller that gives up waits no longer, and the fetch goes on for others', async (t) => {
  const { verify, bearer, answer, issuer } = await start({ checkStatus: false })
  const header = await bearer()
  const { promise: opened, resolve: open } = createSignal()
  answer(urls.jwks, async (request) => {
    await opened
    return issuer.fetch(request)
  })
  const controller = new AbortController()
  const reason = new Error('closed')
  const given = verify(header, { signal: controller.signal })
  const kept = verify(header, { signal: new AbortController().signal })
  controller.abort(reason)
  await t.rejects(given, reason)
  await t.rejects(verify(header, { signal: controller.signal }), reason)
  open()
  t.ok(await kept)
  t.ok(await verify(header, { signal: controller.signal }), 'a copy is there without waiting')
})
