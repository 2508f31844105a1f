import { generateKeyPairSync } from 'node:crypto'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { FastifyInstance } from 'fastify'
import t, { type Test } from 'tap'
import { postToken, startApp } from '../helpers/app.js'
import { askWith, keySet, now, ownAssertion, signJwt } from '../helpers/assertions.js'
import { runCommand } from '../helpers/command.js'
import { cloneDatabase } from '../helpers/database.js'
import { localhostPem } from '../helpers/https.js'

const ask = (app: FastifyInstance, client_secret: string, client_id = 'reports') =>
  postToken(app, { grant_type: 'client_credentials', client_id, client_secret })

t.test(
  'a client is created with a secret that is shown once, and two of its secrets are valid',
  async (t) => {
    const url = await cloneDatabase(t)
    const app = await startApp(t, {}, url)
    const created = await runCommand(url, [
      'clients',
      'create',
      'reports',
      '--name',
      'Reports',
      '--scope',
      'a',
      '--scope',
      'b',
    ])
    t.equal(created.status, 0, created.stderr)
    const first = /client_secret +(lks_[\w-]{43})\n/.exec(created.stdout)?.[1] ?? ''
    t.match((await runCommand(url, ['clients', 'list'])).stdout, /\/-\n/)
    t.match((await ask(app, first)).json(), { token_type: 'bearer', scope: 'a b' })
    const rotate = async () => {
      const { stdout } = await runCommand(url, ['clients', 'rotate-secret', 'reports', '--json'])
      return (JSON.parse(stdout) as { client_secret: string }).client_secret
    }
    const second = await rotate()
    for (const secret of [first, second]) t.equal((await ask(app, secret)).statusCode, 200)
    const third = await rotate()
    t.equal((await ask(app, first)).statusCode, 401)
    for (const secret of [second, third]) t.equal((await ask(app, secret)).statusCode, 200)

    const listed = await runCommand(url, ['clients', 'list'])
    t.match(
      listed.stdout,
      /\nfirst-party +First party +public +password refresh_token +me items:read items:write users:admin items:admin +- +false +-\n/,
    )
    t.match(
      listed.stdout,
      /\nreports +Reports +confidential +client_credentials +a b +- +false +20\S+Z\/20\S+Z 20/,
    )
    t.notMatch(listed.stdout, third)
    const [, reports] = JSON.parse((await runCommand(url, ['clients', 'list', '--json'])).stdout) as object[]
    t.match(reports, {
      client_id: 'reports',
      type: 'confidential',
      grants: ['client_credentials'],
      scopes: ['a', 'b'],
      rights: [],
    })
  },
)

t.test('a confidential client is given rights, which can be removed', async (t) => {
  const url = await cloneDatabase(t)
  const list = async () => {
    const { stdout } = await runCommand(url, ['clients', 'list', '--json'])
    const rows = JSON.parse(stdout) as { client_id: string; rights: string[] }[]
    return rows.find(({ client_id }) => client_id === 'api')?.rights
  }
  const create = ['clients', 'create', 'api', '--name', 'API', '--right', 'introspect']
  t.match(await runCommand(url, create), { status: 0 })
  t.same(await list(), ['introspect'])
  const set = (...args: string[]) => runCommand(url, ['clients', 'set-rights', 'api', ...args])
  t.match(await set(), { status: 0, stdout: 'api has no rights.\n' })
  t.same(await list(), [])
  t.match(await set('--right', 'introspect', '--right', 'introspect'), {
    status: 0,
    stdout: 'api has introspect.\n',
  })
  t.same(await list(), ['introspect'])
  const json = await set('--right', 'introspect', '--json')
  t.same(JSON.parse(json.stdout), { client_id: 'api', rights: ['introspect'] })
})

t.test('parallel rotations keep the last two secrets', async (t) => {
  const url = await cloneDatabase(t)
  await runCommand(url, ['clients', 'create', 'reports', '--name', 'Reports'])
  const outcomes = await Promise.all(
    Array.from({ length: 4 }, () => runCommand(url, ['clients', 'rotate-secret', 'reports'])),
  )
  for (const { status, stderr } of outcomes) t.equal(status, 0, stderr)
  const app = await startApp(t, {}, url)
  t.equal(await app.database.clientSecret.count({ where: { clientId: 'reports' } }), 2)
})

t.test('a client that is disabled, revoked or deleted loses its tokens', async (t) => {
  const url = await cloneDatabase(t)
  const app = await startApp(t, {}, url)
  const { stdout } = await runCommand(url, ['clients', 'create', 'reports', '--name', 'Reports', '--json'])
  const { client_secret: secret } = JSON.parse(stdout) as { client_secret: string }
  const isActive = async (token: string) => {
    await app.changes.sync()
    const response = await app.inject({
      method: 'POST',
      url: '/introspect',
      headers: { 'content-type': 'application/x-www-form-urlencoded' },
      payload: new URLSearchParams({ token, client_id: 'reports', client_secret: secret }).toString(),
    })
    return response.json<{ active: boolean }>().active
  }
  const token = async () => (await ask(app, secret)).json<{ access_token: string }>().access_token
  const first = await token()
  t.equal(await isActive(first), true)
  const revoked = await runCommand(url, ['tokens', 'revoke', '--client', 'reports'])
  t.match(revoked, { status: 0, stdout: 'All tokens of reports are revoked.\n' })
  t.equal(await isActive(first), false)
  const second = await token()
  t.equal(await isActive(second), true)
  t.match(await runCommand(url, ['clients', 'disable', 'reports']), { stdout: 'reports is disabled.\n' })
  t.equal((await ask(app, secret)).statusCode, 401)
  t.match(await runCommand(url, ['clients', 'enable', 'reports']), { stdout: 'reports is enabled.\n' })
  t.equal(await isActive(second), false)
  t.match(await runCommand(url, ['clients', 'delete', 'reports', '--yes']), { stdout: 'Deleted reports.\n' })
  t.equal((await ask(app, secret)).statusCode, 401)
})

t.test('a public client has no secret', async (t) => {
  const url = await cloneDatabase(t)
  const app = await startApp(t, {}, url)
  const created = await runCommand(url, ['clients', 'create', 'phone', '--name', 'Phone', '--public'])
  t.same(created, { status: 0, stdout: 'Created phone.\n', stderr: '' })
  const login = { grant_type: 'password', client_id: 'phone', username: 'johndoe', password: 'secret' }
  t.match((await postToken(app, login)).json(), {
    refresh_token: /^lkr_/,
    scope: 'me items:read items:write',
  })
  t.match(await runCommand(url, ['clients', 'rotate-secret', 'phone']), {
    status: 4,
    stderr: /public client/,
  })
})

/** Returns a function that writes a text or a JSON document to a new file, and returns its path. */
function fileWriter(t: Test): (content: unknown) => string {
  const directory = t.testdir({})
  let files = 0
  return function writeFile(content) {
    files += 1
    const file = join(directory, String(files))
    writeFileSync(file, typeof content === 'string' ? content : JSON.stringify(content))
    return file
  }
}

const audience = 'http://localhost:8000'

t.test('a client with keys needs no secret, and an older secret can be removed', async (t) => {
  const url = await cloneDatabase(t)
  const app = await startApp(t, {}, url)
  const file = fileWriter(t)

  const jwks = file({ keys: [...keySet.keys, { kty: 'unknown' }] })
  const status = async (assertion: string) => {
    await app.changes.sync()
    return (await askWith(app, assertion)).statusCode
  }
  const run = (...args: string[]) => runCommand(url, ['clients', ...args])
  const created = await run('create', 'signer', '--name', 'Signer', '--jwks', jwks)
  t.same(created, { status: 0, stdout: 'Created signer.\n', stderr: '' })
  t.equal(await status(ownAssertion('signer', { aud: audience })), 200)
  t.match((await run('show', 'signer')).stdout, /\nsecrets +-\nkeys +EC RSA OKP\n/)
  const [stored] = await app.database.clientKeys.findMany()
  t.same(stored?.jwks, keySet, 'only usable public keys are stored')
  const nameless = { ...keySet.keys[0], kid: undefined }
  t.match(await run('update', 'signer', '--jwks', file({ keys: [nameless] })), { status: 0 })
  t.match((await run('show', 'signer')).stdout, /\nkeys +ES256\n/)

  const secret = JSON.parse((await run('create', 'reports', '--name', 'Reports', '--json')).stdout) as {
    client_secret: string
  }
  t.match(await run('update', 'reports', '--jwks', jwks, '--scope', 'a'), {
    status: 0,
    stdout: 'Changed reports.\n',
  })
  t.equal(await status(ownAssertion('reports', { aud: audience })), 200)
  t.equal((await ask(app, secret.client_secret)).statusCode, 200)
  t.match(await run('update', 'reports', '--remove-secrets'), { status: 0 })
  t.equal((await ask(app, secret.client_secret)).statusCode, 401)
  t.equal(await status(ownAssertion('reports', { aud: audience })), 200)
  const ca = file(localhostPem)
  const remote = ['--jwks-uri', 'https://keys.internal/jwks', '--allow-private-host', '--ca', ca]
  t.match(await run('update', 'reports', ...remote), { status: 0 })
  t.match((await run('show', 'reports')).stdout, /\nkeys +https:\/\/keys\.internal\/jwks\n/)
  const keys = await app.database.clientKeys.findUniqueOrThrow({ where: { clientId: 'reports' } })
  t.match(keys, { jwks: null, allowPrivateHost: true, ca: /^-----BEGIN CERTIFICATE/ })
  t.notMatch(keys.ca, 'PRIVATE KEY')
  t.match(await run('update', 'reports', '--remove-keys'), { status: 0 })
  t.match((await run('show', 'reports')).stdout, /\nkeys +-\n/)
  const actions = await app.database.event.findMany({
    where: { subject: 'client:reports' },
    orderBy: { id: 'asc' },
  })
  t.same(
    actions.filter(({ actor }) => actor === 'cli').map(({ action }) => action),
    [
      'client_created',
      'client_changed',
      'client_keys_changed',
      'client_secrets_removed',
      'client_keys_changed',
      'client_keys_changed',
    ],
  )
})

t.test('a client trusts tokens of a platform until it no longer does', async (t) => {
  const url = await cloneDatabase(t)
  const app = await startApp(t, {}, url)
  const jwks = fileWriter(t)(keySet)
  const issuer = 'https://kubernetes.example'
  const run = (...args: string[]) => runCommand(url, ['clients', ...args])
  t.match(await run('create', 'pod', '--name', 'Pod', '--no-secret'), { stdout: 'Created pod.\n' })
  const trust = [
    'trust',
    'pod',
    '--issuer',
    issuer,
    '--subject',
    'system:serviceaccount:payments:*',
    '--jwks',
    jwks,
  ]
  const trusted = await run(...trust)
  t.match(trusted, { status: 0, stdout: `pod trusts system:serviceaccount:payments:* of ${issuer}.\n` })
  t.match(JSON.parse((await run(...trust, '--audience', 'latchkey', '--json')).stdout), {
    audience: 'latchkey',
  })
  t.match(
    (await run('show', 'pod')).stdout,
    `trusted_issuers  ${issuer}/system:serviceaccount:payments:*/latchkey\n`,
  )
  const claims = { iss: issuer, aud: ['latchkey'], sub: 'system:serviceaccount:payments:reports' }
  const status = async () => {
    await app.changes.sync()
    const token = signJwt({ alg: 'RS256', kid: 'RSA' }, { ...claims, iat: now(), exp: now() + 3_600 })
    return (await askWith(app, token, { client_id: 'pod' })).statusCode
  }
  t.equal(await status(), 200)
  const untrust = ['untrust', 'pod', '--issuer', issuer]
  t.match(await run(...untrust, '--subject', 'other'), {
    status: 3,
    stderr: 'latchkey: pod does not trust other of https://kubernetes.example\n',
  })
  t.match(await run(...untrust), { stdout: `pod no longer trusts any subject of ${issuer}.\n` })
  t.equal(await status(), 401)
  const discovered = ['trust', 'pod', '--issuer', issuer, '--subject', 'a', '--allow-private-host']
  t.match(await run(...discovered), { status: 0 })
  t.match(await run(...untrust, '--subject', 'a'), { stdout: `pod no longer trusts a of ${issuer}.\n` })
  t.match(await run('trust', 'first-party', '--issuer', issuer, '--subject', 'a'), {
    status: 4,
    stderr: /first-party is a public client, which does not authenticate/,
  })
  const many = Array.from({ length: 100 }, (_, index) => ({
    clientId: 'pod',
    issuer,
    subjectPattern: String(index),
  }))
  await app.database.trustedIssuer.createMany({ data: many.slice(1) })
  const trustSubject = (subject: string) =>
    run('trust', 'pod', '--issuer', issuer, '--subject', subject, '--allow-private-host')
  const atOnce = await Promise.all([trustSubject('a'), trustSubject('b')])
  t.same(atOnce.map(({ status }) => status).sort(), [0, 4], 'one more is possible')
  t.match(await run(...discovered.slice(0, -2), 'c'), {
    status: 4,
    stderr: /pod already trusts the maximum of 100 subjects/,
  })
  t.match(await trustSubject('1'), { status: 0 }, 'one that it trusts is replaced')
  t.equal(await app.database.trustedIssuer.count({ where: { clientId: 'pod' } }), 100)
})

t.test('keys, certificates and trust that could not work are refused', async (t) => {
  const url = await cloneDatabase(t)
  const { privateKey } = generateKeyPairSync('ed25519')
  const file = fileWriter(t)
  const create = (...args: string[]) => ['create', 'x', '--name', 'X', ...args]
  const trust = (issuer: string, subject: string, ...args: string[]) => [
    'trust',
    'x',
    '--issuer',
    issuer,
    '--subject',
    subject,
    ...args,
  ]
  const platform = 'https://p.example'
  for (const [args, line] of [
    [create('--jwks', file(keySet), '--jwks-uri', 'https://a'), /--jwks excludes --jwks-uri/],
    ...['127.0.0.1', '[::1]', '10.0.0.1', '169.254.169.254'].map((host): [string[], RegExp] => [
      create('--jwks-uri', `https://${host}/x`),
      /--jwks-uri names an address that is not public: --allow-private-host/,
    ]),
    [trust('https://p.example?y', 'a'), /--issuer must be an https URL .* without user, query and fragment/],
    [create('--jwks-uri', 'http://a'), /--jwks-uri must be an https URL/],
    [create('--jwks', file('{')), /file with a JWK Set/],
    [create('--jwks', file(keySet.keys[0])), /file with a JWK Set/],
    [create('--jwks', file({ keys: [privateKey.export({ format: 'jwk' })] })), /public keys only/],
    [create('--jwks', file({ keys: [{ kty: 'oct', k: 'AAAA' }] })), /public keys only/],
    [create('--jwks', file({ keys: [{ kty: 'RSA' }] })), /must have a key for signatures/],
    [create('--jwks', file('x'.repeat(65_537))), /--jwks names a file of more than 65536 bytes/],
    [create('--jwks', '/nowhere'), /--jwks names a file that does not exist/],
    [create('--jwks-uri', 'https://a', '--ca', file('x')), /--ca must name a PEM file/],
    [
      create(
        '--jwks-uri',
        'https://a',
        '--ca',
        file('-----BEGIN CERTIFICATE-----\nAA\n-----END CERTIFICATE-----'),
      ),
      /--ca must name a PEM file/,
    ],
    [create('--allow-private-host'), /require --jwks-uri/],
    [create('--public', '--jwks-uri', 'https://a'), /a public client cannot have keys/],
    [['update', 'x', '--remove-keys', '--jwks-uri', 'https://a'], /--remove-keys excludes/],
    [['update', 'x'], /specify --name, --grant, --scope or what it authenticates with/],
    [['update', 'first-party', '--jwks-uri', 'https://a'], /a public client cannot have keys/],
    [trust('http://p.example', 'a'), /--issuer must be an https URL/],
    [trust(platform, 'repo:*'), /would match everybody/],
    [trust(platform, 'a', '--audience', 'a b'), /--audience must consist of printable ASCII/],
    [trust(platform, 'a', '--audience', platform), /--audience must name Latchkey/],
  ] as [string[], RegExp][]) {
    const { stderr, stdout } = await runCommand(url, ['clients', ...args])
    t.match(stderr, line, args.join(' '))
    t.equal(stdout, '')
  }
  const env = { ISSUER: 'https://localhost' }
  const own = await runCommand(url, ['clients', ...trust(env.ISSUER, 'a')], { env })
  t.match(own, { status: 2, stderr: /must differ from the issuer of Latchkey/ })
  for (const args of [trust(platform, 'a'), ['untrust', 'x', '--issuer', platform]])
    t.match(await runCommand(url, ['clients', ...args]), { status: 3, stderr: /there is no client x/ })
})

t.test('what cannot be done is explained in one line and by the exit status', async (t) => {
  const url = await cloneDatabase(t)
  const create = (id: string, ...more: string[]) => ['clients', 'create', id, '--name', 'Name', ...more]
  const manyScopes = Array.from({ length: 410 }, (_, index) => `scope:${index + 1_000}`)
  for (const [args, status, line] of [
    [create('first-party'), 4, /^latchkey: client first-party already exists\n$/],
    [
      create('a b'),
      2,
      /^latchkey: a client ID must have 1 to 64 letters, digits, dots, underscores or hyphens\n$/,
    ],
    [create('x', '--scope', 'a"b'), 2, /^latchkey: invalid scope a"b: a scope must consist of printable/],
    [
      create('x', '--scope', manyScopes.join(' ')),
      2,
      /^latchkey: all scopes together must have at most 4096 characters\n$/,
    ],
    [create('x', '--public', '--right', 'introspect'), 2, /^latchkey: a public client cannot have rights\n$/],
    [create('x', '--right', 'root'), 2, /^latchkey: option '--right <right>' argument 'root' is invalid/],
    [
      ['clients', 'set-rights', 'first-party', '--right', 'introspect'],
      4,
      /^latchkey: first-party is a public client, which cannot have rights\n$/,
    ],
    [
      create('x', '--public', '--grant', 'client_credentials'),
      2,
      /^latchkey: a public client cannot use client_credentials\n$/,
    ],
    [
      ['clients', 'create', 'x', '--name', 'a'.repeat(256)],
      2,
      /^latchkey: a name must have at most 255 characters and no control characters\n$/,
    ],
    [
      create('x', '--grant', 'implicit'),
      2,
      /^latchkey: option '--grant <grant>' argument 'implicit' is invalid/,
    ],
    [['clients', 'create', 'x'], 2, /^latchkey: required option '--name <name>' not specified/],
    ...['disable', 'enable', 'delete', 'rotate-secret', 'set-rights'].map((verb) => [
      ['clients', verb, 'nobody'],
      3,
      /^latchkey: there is no client nobody\n$/,
    ]),
    [['tokens', 'revoke', '--client', 'nobody'], 3, /^latchkey: there is no client nobody\n$/],
    [['tokens', 'revoke', '--client', 'a\0b'], 3, /^latchkey: there is no client/],
  ] as [string[], number, RegExp][]) {
    const outcome = await runCommand(url, args)
    t.equal(outcome.status, status, args.join(' '))
    t.match(outcome.stderr, line)
    t.equal(outcome.stdout, '')
  }
})
