import { createSecretKey, generateKeyPairSync } from 'node:crypto'
import type { FastifyInstance } from 'fastify'
import t, { type Test } from 'tap'
import { importKey, importSet } from '../../src/auth/clients/jwk.js'
import { parseJws, verifyJws } from '../../src/auth/clients/jws.js'
import { findPatternProblem, matchesSubject } from '../../src/auth/clients/subject-pattern.js'
import { basic, issuer, postTo, startIssuer } from '../conformance/server.js'
import { query } from '../database/query.js'
import { startApp } from '../helpers/app.js'
import { askWith, asserting, keySet, now, ownAssertion, ownClaims, signJwt } from '../helpers/assertions.js'
import { cloneDatabase } from '../helpers/database.js'
import { localhostPem, startHttps } from '../helpers/https.js'

/** JSON values with which a conversion to text or a number fails, or surprises. */
const oddValues: unknown[] = [{ toString: 1 }, {}, [], [[]], null, true, 1e308, -1, '', '\0', 'x'.repeat(300)]

/** Creates a confidential client without a secret. */
async function addClient(
  app: FastifyInstance,
  clientId: string,
  proof: object = { keys: { create: { jwks: keySet } } },
) {
  const grants = ['client_credentials']
  await app.database.client.create({
    data: { clientId, name: clientId, confidential: true, grants, scopes: ['orders:read'], ...proof },
  })
  await app.changes.sync()
}

const kubernetes = 'https://kubernetes.default.svc.cluster.local'
const github = 'https://token.actions.githubusercontent.com'

const serviceAccount = 'system:serviceaccount:payments:reports'

/** Claims of a projected service account token. */
const podClaims = () => ({
  aud: [issuer],
  exp: now() + 3_600,
  iat: now(),
  iss: kubernetes,
  jti: '3a7f3b5e-0000-4000-8000-000000000000',
  'kubernetes.io': {
    namespace: 'payments',
    node: { name: 'node-1', uid: 'c1' },
    pod: { name: 'reports-7d9f', uid: 'c2' },
    serviceaccount: { name: 'reports', uid: 'c3' },
  },
  nbf: now(),
  sub: serviceAccount,
})

/** Claims of a token of GitHub Actions. */
const jobClaims = () => ({
  jti: 'example-id',
  sub: 'repo:acme/reports:ref:refs/heads/main',
  aud: issuer,
  ref: 'refs/heads/main',
  repository: 'acme/reports',
  repository_owner: 'acme',
  run_id: '1',
  event_name: 'push',
  iss: github,
  nbf: now() - 600,
  exp: now() + 300,
  iat: now(),
})

t.test('private_key_jwt', async (t) => {
  const url = await cloneDatabase(t)
  const app = await startApp(t, { JWT_SECRET: '', ISSUER: issuer }, url)
  await addClient(app, 'signer')
  await addClient(app, 'other')
  const uses = () => app.database.assertionUse.count()
  const refuses = async (t: Test, assertion: string, what: string, more: Record<string, string> = {}) => {
    const before = await uses()
    const response = await askWith(app, assertion, more)
    t.same([response.statusCode, response.json<{ error: string }>().error], [401, 'invalid_client'], what)
    t.equal(await uses(), before, `${what}: nothing is stored`)
  }

  t.test('every algorithm, with and without client_id and typ', async (t) => {
    for (const [alg, kid] of [
      ['ES256', 'EC'],
      ['PS256', 'RSA'],
      ['RS256', 'RSA'],
      ['EdDSA', 'OKP'],
      ['Ed25519', 'OKP'],
    ] as const) {
      const response = await askWith(app, ownAssertion('signer', {}, { alg, kid }))
      t.match(response.json(), { token_type: 'bearer', scope: 'orders:read' }, alg)
    }
    for (const typ of ['client-authentication+jwt', 'application/Client-Authentication+JWT', 'JWT'])
      t.equal((await askWith(app, ownAssertion('signer', {}, { typ }))).statusCode, 200, typ)
    t.equal((await askWith(app, ownAssertion('signer'), { client_id: 'signer' })).statusCode, 200)
    t.equal(
      (await askWith(app, ownAssertion('signer', {}, { kid: undefined }))).statusCode,
      200,
      'the only EC key',
    )
  })

  t.test('an assertion is used once, also in parallel at two replicas, and for one client', async (t) => {
    const assertion = ownAssertion('signer')
    const replicas = [app, await startApp(t, { JWT_SECRET: '', ISSUER: issuer }, url)]
    const answers = await Promise.all([...replicas, ...replicas].map((one) => askWith(one, assertion)))
    t.same(answers.map(({ statusCode }) => statusCode).sort(), [200, 401, 401, 401])
    await refuses(t, assertion, 'replayed')
    const claims = { jti: 'the same' }
    for (const client of ['signer', 'other'])
      t.equal((await askWith(app, ownAssertion(client, claims))).statusCode, 200, client)
    await refuses(t, ownAssertion('signer', { ...claims, exp: now() + 100 }), 'the same jti again')
    const refused = await askWith(app, ownAssertion('signer', { jti: 'spent' }), { scope: 'unknown' })
    t.equal(refused.statusCode, 400)
    await refuses(t, ownAssertion('signer', { jti: 'spent' }), 'used for a request that was refused')
  })

  t.test('every claim is required and checked', async (t) => {
    for (const [what, changes] of Object.entries({
      'the audience is the token endpoint': { aud: `${issuer}/token` },
      'the audience is a list': { aud: [issuer] },
      'the audience names another server too': { aud: [issuer, 'https://other.example'] },
      'the audience is missing': { aud: undefined },
      'the audience ends in a slash': { aud: `${issuer}/` },
      'another issuer': { iss: 'other' },
      'no issuer': { iss: undefined },
      'another subject': { sub: 'other' },
      'no jti': { jti: undefined },
      'an empty jti': { jti: '' },
      'a jti that is no text': { jti: 1 },
      'no exp': { exp: undefined },
      'an exp that is no number': { exp: String(now() + 60) },
      expired: { exp: now() - 1 },
      'exp in more than 5 minutes': { exp: now() + 310 },
      'issued long ago': { iat: now() - 3_600 },
      'issued in the future': { iat: now() + 60 },
      'not valid yet': { nbf: now() + 60 },
      'iat that is no number': { iat: 'now' },
    }))
      await refuses(t, ownAssertion('signer', changes), what, { client_id: 'signer' })
    for (const ahead of [0, 20]) {
      const assertion = ownAssertion('signer', { iat: now() + ahead, exp: now() + ahead + 300 })
      t.equal((await askWith(app, assertion)).statusCode, 200, `a clock that is ${ahead} s ahead`)
    }
  })

  t.test('the header selects a known key and nothing else', async (t) => {
    const stranger = generateKeyPairSync('ec', { namedCurve: 'P-256' })
    const jwk = stranger.publicKey.export({ format: 'jwk' })
    const signed = (header: object) =>
      signJwt({ alg: 'ES256', kid: 'EC', ...header }, ownClaims('signer'), stranger.privateKey)
    for (const header of [
      {},
      { jwk },
      { jku: 'https://stranger.example/jwks' },
      { x5u: 'https://stranger.example/x5u' },
      { x5c: [localhostPem] },
    ])
      await refuses(t, signed(header), `a foreign key with ${Object.keys(header).join() || 'a known kid'}`)
    const harmless = {
      jwk,
      jku: 'https://stranger.example/jwks',
      x5u: 'https://stranger.example',
      x5c: ['x'],
    }
    t.equal((await askWith(app, ownAssertion('signer', {}, harmless))).statusCode, 200, 'ignored members')
    for (const [what, header] of Object.entries({
      'an unknown kid': { kid: 'unknown' },
      'a kid that is no text': { kid: 1 },
      'the key of another algorithm': { alg: 'ES256', kid: 'RSA' },
      'a known extension': { crit: ['b64'], b64: true },
      'an empty crit': { crit: [] },
      'an unencoded payload': { b64: false },
      'the type of access tokens': { typ: 'at+jwt' },
      'the type of DPoP proofs': { typ: 'dpop+jwt' },
      'a type that is no text': { typ: 1 },
      'an algorithm that is no text': { alg: ['ES256'] },
    }))
      await refuses(t, ownAssertion('signer', {}, header), what)
  })

  t.test('members of any type are refused, or ignored, but never a fault', async (t) => {
    for (const odd of oddValues) {
      for (const member of ['alg', 'kid', 'typ', 'crit', 'jwk'])
        t.ok((await askWith(app, ownAssertion('signer', {}, { [member]: odd }))).statusCode < 500, member)
      for (const member of ['iss', 'sub', 'aud', 'exp', 'iat', 'nbf', 'jti'])
        for (const path of ['/token', '/introspect', '/revoke'])
          t.ok(
            (await postTo(app, path, { token: 'x', ...asserting(ownAssertion('signer', { [member]: odd })) }))
              .statusCode < 500,
            `${path} ${member}`,
          )
    }
  })

  t.test('neither alg none nor a symmetric algorithm is accepted', async (t) => {
    const [header, payload] = ownAssertion('signer').split('.')
    const encode = (value: object) => Buffer.from(JSON.stringify(value)).toString('base64url')
    for (const alg of ['none', 'None', 'HS256', 'ES384', 'RS512', '__proto__', 'constructor'])
      for (const signature of ['', 'AAAA'])
        await refuses(
          t,
          `${encode({ alg, kid: 'EC' })}.${payload}.${signature}`,
          `${alg} with "${signature}"`,
        )
    t.equal(
      verifyJws({ header: { alg: 'ES256' }, payload: {}, input: '', signature: Buffer.alloc(0) }, []),
      false,
    )
    for (const text of [
      '',
      'x',
      `${header}.${payload}`,
      `${header}.${payload}.A=`,
      `${header}..`,
      'W10.e30.',
      'e30.MQ.',
      `e30.${'x'.repeat(13_000)}.`,
    ])
      await refuses(t, text || 'x', `malformed: ${text.slice(0, 20)}`)
    for (const alg of ['ES256', 'PS256', 'EdDSA'])
      for (const signature of ['', 'AAAA', 'A'.repeat(4_000)])
        await refuses(t, `${encode({ alg })}.${payload}.${signature}`, `${alg} with ${signature.length}`)
    const large = await askWith(app, `${header}.${payload}.${'A'.repeat(100_000)}`)
    t.equal(large.statusCode, 413)
  })

  t.test('a request uses one method, and an assertion has both parameters', async (t) => {
    const assertion = () => ownAssertion('signer')
    const form = (more: object) => ({ grant_type: 'client_credentials', ...asserting(assertion()), ...more })
    for (const [what, fields, headers, status, error] of [
      ['with a secret', { client_secret: 'x' }, {}, 400, 'invalid_request'],
      ['with Basic', {}, basic('signer', 'x'), 400, 'invalid_request'],
      ['without type', { client_assertion_type: '' }, {}, 400, 'invalid_request'],
      ['without assertion', { client_assertion: '' }, {}, 400, 'invalid_request'],
      ['of another type', { client_assertion_type: 'urn:x' }, {}, 401, 'invalid_client'],
      ['of another client', { client_id: 'other' }, {}, 401, 'invalid_client'],
      ['of an unknown client', { client_id: 'nobody' }, {}, 401, 'invalid_client'],
    ] as const) {
      const response = await postTo(app, '/token', form(fields), headers)
      t.same([response.statusCode, response.json<{ error: string }>().error], [status, error], what)
    }
    const twice = new URLSearchParams(form({}))
    twice.append('client_assertion', assertion())
    t.match((await postTo(app, '/token', twice.toString())).json(), { error: 'invalid_request' })
    const keyless = await postTo(app, '/token', { grant_type: 'client_credentials', client_id: 'signer' })
    t.equal(keyless.statusCode, 401, 'a client with keys must use them')
    await refuses(t, ownAssertion('first-party'), 'a public client')
    await refuses(t, ownAssertion('reports'), 'a client without keys')
    await refuses(t, signJwt({ alg: 'ES256' }, {}), 'no claims')
  })

  t.test('introspection and revocation take assertions too', async (t) => {
    const { access_token } = (await askWith(app, ownAssertion('signer'))).json<{ access_token: string }>()
    const post = (url: string) =>
      postTo(app, url, { token: access_token, ...asserting(ownAssertion('signer')) })
    t.match((await post('/introspect')).json(), { active: true, sub: 'client:signer' })
    t.equal((await post('/revoke')).statusCode, 200)
    t.same((await post('/introspect')).json(), { active: false })
    for (const url of ['/introspect', '/revoke']) {
      const used = asserting(ownAssertion('signer'))
      t.equal((await postTo(app, url, { token: 'x', ...used })).statusCode, 200)
      t.equal((await postTo(app, url, { token: 'x', ...used })).statusCode, 401, `${url}: replayed`)
    }
  })

  t.test('failures are recorded, and changes of keys and clients count at once', async (t) => {
    await addClient(app, 'changing')
    await askWith(app, ownAssertion('changing', { aud: 'x' }))
    t.match(await app.database.event.findMany({ where: { subject: 'client:changing' } }), [
      { action: 'client_authentication', outcome: 'failed', count: 1 },
    ])
    const status = async () => {
      await app.changes.sync()
      return (await askWith(app, ownAssertion('changing'))).statusCode
    }
    t.equal(await status(), 200)
    await app.database.client.update({ where: { clientId: 'changing' }, data: { disabled: true } })
    t.equal(await status(), 401)
    await app.database.client.update({ where: { clientId: 'changing' }, data: { disabled: false } })
    t.equal(await status(), 200)
    await app.database.clientKeys.delete({ where: { clientId: 'changing' } })
    t.equal(await status(), 401)
  })
})

t.test('with a shared secret the audience is the issuer of the metadata', async (t) => {
  const app = await startApp(t)
  await addClient(app, 'signer')
  const metadata = (await app.inject('/.well-known/oauth-authorization-server')).json<{ issuer: string }>()
  t.equal((await askWith(app, ownAssertion('signer', { aud: metadata.issuer }))).statusCode, 200)
  t.equal((await askWith(app, ownAssertion('signer'))).statusCode, 401)
})

t.test('workload identity', async (t) => {
  const app = await startIssuer(t)
  const trust = (platform: string, subjectPattern: string, more: object = {}) => ({
    trustedIssuers: { create: { issuer: platform, subjectPattern, jwks: keySet, ...more } },
  })
  await addClient(app, 'pod', trust(kubernetes, serviceAccount))
  await addClient(app, 'job', trust(github, 'repo:acme/reports:*'))
  await addClient(
    app,
    'elsewhere',
    trust(kubernetes, serviceAccount, { audience: 'https://latchkey.internal' }),
  )
  const signed = (claims: object, header: object = {}) =>
    signJwt({ alg: 'RS256', kid: 'RSA', ...header }, claims)
  const ask = (client_id: string, claims: object, header: object = {}) =>
    askWith(app, signed(claims, header), { client_id })

  t.test('tokens of Kubernetes and GitHub are accepted, again and again', async (t) => {
    const token = signed(podClaims())
    for (let time = 0; time < 2; time++)
      t.match((await askWith(app, token, { client_id: 'pod' })).json(), { scope: 'orders:read' })
    t.equal((await ask('job', jobClaims(), { typ: 'JWT', x5t: 'x' })).statusCode, 200)
    t.equal((await ask('elsewhere', { ...podClaims(), aud: 'https://latchkey.internal' })).statusCode, 200)
    t.equal(await app.database.assertionUse.count(), 0)
  })

  t.test('issuer, audience, subject and life must be right', async (t) => {
    for (const [what, changes] of Object.entries({
      'another issuer': { iss: `${kubernetes}/` },
      'another audience': { aud: ['https://other.example'] },
      'two audiences': { aud: [issuer, 'https://other.example'] },
      'the audience twice': { aud: [issuer, issuer] },
      'no audience': { aud: undefined },
      'an empty list': { aud: [] },
      'another account': { sub: `${serviceAccount}2` },
      'another namespace': { sub: 'system:serviceaccount:default:reports' },
      'no subject': { sub: undefined },
      'a life of more than an hour': { iat: now() - 10, exp: now() + 3_599 },
      'exp in more than an hour': { iat: now() + 20, exp: now() + 3_630 },
      'no time of issue': { iat: undefined },
      expired: { exp: now() - 1 },
      'not valid yet': { nbf: now() + 60 },
    }))
      t.equal((await ask('pod', { ...podClaims(), ...changes })).statusCode, 401, what)
    for (const header of [{ typ: 'at+jwt' }, { kid: 'unknown' }, { crit: ['exp'] }, { alg: 'HS256' }])
      t.equal((await ask('pod', podClaims(), header)).statusCode, 401, JSON.stringify(header))
    t.equal((await askWith(app, signed(podClaims()))).statusCode, 401, 'client_id is required')
    t.equal((await ask('job', podClaims())).statusCode, 401, 'the token of another client')
    t.equal((await ask('nobody', podClaims())).statusCode, 401, 'an unknown client')
    t.equal((await ask('job', { ...jobClaims(), sub: 'repo:acme/reports2:ref:x' })).statusCode, 401)
    await app.database.trustedIssuer.deleteMany({ where: { clientId: 'pod' } })
    await app.changes.sync()
    t.equal((await ask('pod', podClaims())).statusCode, 401, 'no longer trusted')
  })
})

t.test('key sets are fetched from private hosts that the operator allows', async (t) => {
  const app = await startIssuer(t)
  const requested: (string | undefined)[] = []
  const origin = await startHttps(t, (request, response) => {
    requested.push(request.url)
    const documents: Record<string, object> = {
      '/jwks': keySet,
      '/cluster/.well-known/openid-configuration': {
        issuer: `${origin}/cluster`,
        jwks_uri: `${origin}/jwks`,
      },
      '/other/.well-known/openid-configuration': { issuer: `${origin}/cluster`, jwks_uri: `${origin}/jwks` },
    }
    response.end(JSON.stringify(documents[String(request.url)] ?? {}))
  })
  const allowed = { allowPrivateHost: true, ca: localhostPem }
  const keysAt = (jwksUri: string, more: object) => ({ keys: { create: { jwksUri, ...more } } })
  const trusting = (trusted: string) => ({
    trustedIssuers: { create: { issuer: trusted, subjectPattern: serviceAccount, ...allowed } },
  })
  await addClient(app, 'remote', keysAt(`${origin}/jwks`, allowed))
  await addClient(app, 'refused', keysAt(`${origin}/jwks`, { ca: localhostPem }))
  await addClient(app, 'broken', keysAt(`${origin}/nothing`, allowed))
  await addClient(app, 'unreachable', keysAt('https://127.0.0.1:1/', allowed))
  await addClient(app, 'pod', trusting(`${origin}/cluster`))
  await addClient(app, 'impostor', trusting(`${origin}/other`))
  for (let time = 0; time < 2; time++) t.equal((await askWith(app, ownAssertion('remote'))).statusCode, 200)
  t.same(requested.splice(0), ['/jwks'], 'fetched once')
  for (const clientId of ['refused', 'broken', 'unreachable']) {
    const response = await askWith(app, ownAssertion(clientId))
    t.same([response.statusCode, response.json<{ error: string }>().error], [401, 'invalid_client'], clientId)
  }
  t.same(requested.splice(0), ['/nothing'], 'a private host is not even asked')
  const token = (iss: string) => signJwt({ alg: 'RS256', kid: 'RSA' }, { ...podClaims(), iss })
  const ask = (clientId: string, iss: string) => askWith(app, token(iss), { client_id: clientId })
  t.equal((await ask('pod', `${origin}/cluster`)).statusCode, 200)
  t.equal((await ask('impostor', `${origin}/other`)).statusCode, 401, 'the metadata names another issuer')
  t.same(requested, [
    '/cluster/.well-known/openid-configuration',
    '/jwks',
    '/other/.well-known/openid-configuration',
  ])
})

t.test('subject patterns', async (t) => {
  const url = await cloneDatabase(t)
  const insert = `INSERT INTO trusted_issuers (client_id, issuer, subject_pattern) VALUES ('first-party', 'https://p.example', $1)`
  const store = (pattern: string) => query(url, insert, [pattern])
  for (const [pattern, subject] of [
    [serviceAccount, serviceAccount],
    ['system:serviceaccount:payments:*', serviceAccount],
    ['repo:acme/reports:*', 'repo:acme/reports:ref:refs/heads/main'],
    ['repo:acme/*', 'repo:acme/reports:pull_request'],
    ['spiffe://acme/ns/*', 'spiffe://acme/ns/payments'],
    ['everyone', 'everyone'],
  ] as const) {
    t.equal(findPatternProblem(pattern), null, pattern)
    t.ok(matchesSubject(pattern, subject), `${pattern} matches ${subject}`)
    await store(pattern)
  }
  for (const [pattern, subject] of [
    [serviceAccount, `${serviceAccount}s`],
    ['system:serviceaccount:payments:*', 'system:serviceaccount:payments:'],
    ['system:serviceaccount:payments:*', 'system:serviceaccount:payments2:reports'],
    ['repo:acme/*', 'repo:Acme/reports'],
  ] as const)
    t.notOk(matchesSubject(pattern, subject), `${pattern} does not match ${subject}`)
  const refused = {
    'would match everybody': [
      '*',
      'repo:*',
      'org/*',
      'system:serviceaccount:*',
      'spiffe://acme/*',
      'spiffe://*',
      ':*',
      '/*',
      'repo::*',
      'repo:/*',
    ],
    'may only be the whole last segment': [
      'repo:acme/rep*',
      'system:serviceaccount:*:reports',
      'a:b:**',
      'a:b:*x',
      '*:b',
      '**',
    ],
    'must consist of': ['', 'a b', 'é:b:*', 'a\n', 'x'.repeat(513)],
  }
  for (const [reason, patterns] of Object.entries(refused))
    for (const pattern of patterns) {
      t.match(findPatternProblem(pattern), reason, pattern)
      await t.rejects(store(pattern), /subject_pattern_check|too long/, pattern)
    }
})

t.test('keys that cannot verify assertions are ignored', (t) => {
  const [ec, rsa, okp] = keySet.keys.map((key) => key as Record<string, unknown>)
  const small = generateKeyPairSync('rsa', { modulusLength: 1_024 }).publicKey.export({ format: 'jwk' })
  const p384 = generateKeyPairSync('ec', { namedCurve: 'P-384' }).publicKey.export({ format: 'jwk' })
  const x25519 = generateKeyPairSync('x25519').publicKey.export({ format: 'jwk' })
  const secret = createSecretKey(Buffer.alloc(32)).export({ format: 'jwk' })
  for (const key of [
    small,
    p384,
    x25519,
    secret,
    { ...rsa, e: 'AQ' },
    { ...rsa, e: 'AgAAAAE' },
    { ...rsa, n: 'AQAB'.repeat(400) },
    { ...ec, use: 'enc' },
    { ...ec, key_ops: ['sign'] },
    { ...ec, key_ops: 'verify' },
    { ...ec, alg: 'ES384' },
    { ...ec, alg: 'PS256' },
    { ...ec, x: 'AAAA' },
    { kty: 'EC' },
    { kty: 'toString' },
    {},
  ])
    t.equal(importKey(key as Record<string, unknown>), null, JSON.stringify(key).slice(0, 80))
  for (const odd of oddValues)
    for (const member of ['kty', 'crv', 'x', 'y', 'kid', 'alg', 'use', 'key_ops'])
      t.doesNotThrow(() => importSet({ keys: [{ ...ec, [member]: odd }] }), member)
  t.same(importKey({ ...rsa, alg: 'PS256' })?.algorithms, ['PS256'])
  t.same(importKey({ ...okp, alg: 'EdDSA' })?.algorithms, ['EdDSA', 'Ed25519'])
  t.same(importKey({ ...ec, key_ops: ['verify'] })?.algorithms, ['ES256'])
  t.equal(parseJws('bnVsbA.e30.'), null)
  t.end()
})
