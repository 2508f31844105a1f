import { decodeJwt, decodeProtectedHeader } from 'jose'
import t from 'tap'
import { tokenVerifier } from '../src/index.js'
import { testIssuer } from '../src/testing.js'
import { now, urls } from './helpers/verifier.js'

t.test('the issuer of a test signs tokens as Latchkey does', async (t) => {
  const issuer = await testIssuer({ now })
  const token = await issuer.token({ clientId: 'reports', scope: 'orders:read' })
  t.same(decodeProtectedHeader(token), { alg: 'ES256', kid: 'key-1', typ: 'at+jwt' })
  t.same(decodeJwt(token), {
    iss: 'https://latchkey.test',
    aud: 'https://service.test',
    sub: 'client:reports',
    client_id: 'reports',
    jti: 'token-1',
    iat: now / 1000,
    exp: now / 1000 + 900,
    scope: 'orders:read',
    status: { status_list: { idx: 0, uri: urls.list } },
  })
})

t.test('its clock is that of the present unless it is set', async (t) => {
  const before = Date.now()
  const issuer = await testIssuer()
  t.ok(issuer.clock.now() >= before && issuer.clock.now() <= Date.now())
})

t.test('it has the issuer and the audience that it is given', async (t) => {
  const names = { issuer: 'http://localhost:1', audience: 'https://orders.test' }
  const issuer = await testIssuer(names)
  t.match(issuer.settings, names)
  t.ok(await tokenVerifier(issuer.settings)(`Bearer ${await issuer.token()}`))
})

t.test('it revokes, rotates, fails and recovers', async (t) => {
  const issuer = await testIssuer({ now })
  const verify = tokenVerifier(issuer.settings)
  const token = await issuer.token()
  t.ok(await verify(`Bearer ${token}`))
  issuer.fail(503)
  issuer.clock.advance(3_600_000)
  const header = `Bearer ${await issuer.token()}`
  await t.rejects(verify(header), { code: 'keys_unavailable' })
  issuer.fail(null)
  issuer.clock.advance(5_000)
  t.ok(await verify(header))
  await issuer.rotate({ withdraw: true })
  issuer.clock.advance(300_000)
  await t.rejects(verify(header), { code: 'unknown_key' })
  const other = await issuer.token()
  issuer.revoke(other)
  await t.rejects(verify(`Bearer ${other}`), { code: 'token_revoked' })
})

t.test('it says what it cannot do', async (t) => {
  const issuer = await testIssuer({ now })
  const token = await issuer.token({ status: false })
  t.throws(() => issuer.revoke(token), /without a status/)
  t.equal((await issuer.fetch('https://latchkey.test/other')).status, 404)
})
