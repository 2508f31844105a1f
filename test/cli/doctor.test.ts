import { once } from 'node:events'
import { existsSync } from 'node:fs'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import t from 'tap'
import { findFreePort } from '../../src/database/embedded/port.js'
import { query, unreachableUrl } from '../database/query.js'
import { startApp } from '../helpers/app.js'
import { keySet } from '../helpers/assertions.js'
import { storeClient } from '../helpers/clients.js'
import { runCommand } from '../helpers/command.js'
import { cloneDatabase, newDatabase } from '../helpers/database.js'
import { localhostPem, startHttps } from '../helpers/https.js'
import { startMailServer } from '../helpers/mail.js'
import { startStrictPooler } from '../helpers/pooler.js'
import { cheapHash } from '../helpers/replicas.js'

interface Finding {
  state: string
  check: string
  explanation: string
}

/** An address that nothing listens on, and any free port: the tests depend on no other service of this machine. */
const elsewhere = { ISSUER: 'http://127.0.0.1:1', PORT: '0' }

const production = {
  NODE_ENV: 'production',
  KEY_ENCRYPTION_SECRET: 'q8Jp0Zs3tYv5xW7rN2kL4mB6hD1gF9cA',
  BCRYPT_COST: '10',
}

async function runDoctor(url: string, env: Record<string, string>) {
  const { status, stdout, stderr } = await runCommand(url, ['doctor', '--json'], {
    env: { ...elsewhere, ...env },
  })
  const findings = JSON.parse(stdout || '[]') as Finding[]
  const find = (check: string) => findings.find((one) => one.check === check)
  const stateOf = (check: string) => find(check)?.state
  const explain = (check: string) => find(check)?.explanation
  return { status, stderr, findings, stateOf, explain }
}

t.test('a healthy deployment passes every check', async (t) => {
  const mail = await startMailServer(t)
  const url = await cloneDatabase(t)
  const port = await findFreePort()
  const address = { ISSUER: `http://127.0.0.1:${port}`, PORT: String(port) }
  const { KEY_ENCRYPTION_SECRET } = production
  const app = await startApp(t, { JWT_SECRET: '', KEY_ENCRYPTION_SECRET, ...address }, url)
  await query(url, "DELETE FROM users WHERE username = 'johndoe'")
  await query(url, "UPDATE users SET disabled = false, scopes = '{users:admin}', hashed_password = $1", [
    cheapHash,
  ])
  const diagnose = () => runDoctor(url, { ...production, ...address, SMTP_URL: mail.url })
  const before = await diagnose()
  t.equal(before.status, 0)
  t.match(before.explain('address'), /the service does not run here/)
  t.match(before.explain('issuer'), /^nothing answers at .* ECONNREFUSED/)
  const timeout = new DOMException('The operation was aborted due to timeout', 'TimeoutError')
  const fetch = t.capture(globalThis, 'fetch', () => Promise.reject(timeout))
  t.match((await diagnose()).explain('issuer'), /^nothing answers at .* due to timeout$/)
  fetch.restore()
  await app.listen({ port })
  const { status, findings, explain } = await diagnose()
  t.same(
    findings.filter(({ state }) => state !== 'ok'),
    [],
  )
  t.equal(status, 0)
  t.equal(explain('address'), 'the service answers there')
  t.equal(explain('issuer'), `the service is ready at ${address.ISSUER}`)
  app.draining = true
  t.match(await diagnose(), { status: 1, findings: [{}, {}, {}, { check: 'issuer', state: 'fail' }] })
})

t.test('an address that is taken, or is not that of clients, is a failure', async (t) => {
  const url = await unreachableUrl()
  const other = createServer((_request, response) => response.end('{}')).listen(0, '127.0.0.1')
  t.teardown(() => other.close())
  await once(other, 'listening')
  const { port } = other.address() as AddressInfo
  const taken = await runDoctor(url, { PORT: String(port), ISSUER: `http://127.0.0.1:${port}` })
  t.equal(
    taken.explain('address'),
    `cannot listen: address already in use 127.0.0.1:${port}; see HOST and PORT`,
  )
  t.match(taken.explain('issuer'), /does not lead here: ISSUER must be the address of clients$/)
  for (const HOST of ['0.0.0.0', '::', '192.0.2.1']) {
    const { stateOf } = await runDoctor(url, { NODE_ENV: 'development', PORT: String(port), HOST })
    t.equal(stateOf('address'), 'fail', HOST)
  }
})

t.test('the address of the metrics is checked too, if they are served', async (t) => {
  const url = await unreachableUrl()
  let text = 'node_build_info 1\n'
  const other = createServer((_request, response) => response.end(text)).listen(0, '127.0.0.1')
  t.teardown(() => other.close())
  await once(other, 'listening')
  const { port } = other.address() as AddressInfo
  const diagnose = (METRICS_PORT: number, METRICS_HOST = '127.0.0.1') =>
    runDoctor(url, { METRICS_PORT: String(METRICS_PORT), METRICS_HOST })
  t.equal((await runDoctor(url, {})).stateOf('metrics'), undefined)
  t.match((await diagnose(await findFreePort())).explain('metrics'), /the service does not run here/)
  t.equal(
    (await diagnose(port)).explain('metrics'),
    `cannot listen: address already in use 127.0.0.1:${port}; see METRICS_HOST and METRICS_PORT`,
  )
  text = 'latchkey_build_info{version="0.2.0"} 1\n'
  t.equal((await diagnose(port)).explain('metrics'), 'the service answers there')
  const fetch = t.capture(globalThis, 'fetch', () => Promise.reject(new TypeError('fetch failed')))
  t.equal((await diagnose(port)).stateOf('metrics'), 'fail', 'that speaks no HTTP')
  fetch.restore()
  const isPublic = (await diagnose(0, '93.184.216.34')).findings.filter(({ check }) => check === 'metrics')
  t.match(isPublic, [{ state: 'fail' }, { state: 'warn', explanation: /^METRICS_HOST is a public address/ }])
})

t.test('settings with which a start would be refused are a failure too', async (t) => {
  t.match(await runDoctor('', { LOG_LEVEL: 'loud' }), {
    status: 1,
    findings: [{ check: 'Node.js' }, { state: 'fail', check: 'settings' }],
  })
  const bare = await runDoctor('', { NODE_ENV: 'production', DATABASE_URL: '' })
  for (const setting of ['KEY_ENCRYPTION_SECRET', 'DATABASE_URL'])
    t.match(bare.explain(setting), /^is required/)
  const { explain, findings } = await runDoctor('', {
    ...production,
    SECRET_KEY: 'x',
    DATA_DIRECTORY: '/proc/x',
  })
  t.match(explain('DATABASE_URL'), /^is required/)
  t.match(findings, [{}, {}, { state: 'warn', explanation: /^SECRET_KEY is not a setting of Latchkey/ }])
  const embedded = await runDoctor('', { DATA_DIRECTORY: '/proc/x' })
  t.match(embedded.explain('database'), /^there is no database: DATABASE_URL is not set/)
})

t.test('in development, what production would refuse is a warning that says so', async (t) => {
  const { findings } = await runDoctor('', { DATA_DIRECTORY: t.testdir(), ISSUER: '', BCRYPT_COST: '4' })
  const stated = findings.filter(({ explanation }) => explanation.includes('in production'))
  t.match(
    stated.map(({ state, check, explanation }) => [state, check, explanation]),
    [
      ['warn', 'KEY_ENCRYPTION_SECRET', /^fit for development only: in production it is required: openssl/],
      ['warn', 'ISSUER', /^fit for development only: in production it is required: mailed links/],
      ['warn', 'DATABASE_URL', /in production it is required/],
      ['warn', 'BCRYPT_COST', 'fit for development only: in production it must be at least 10'],
    ],
  )
  t.notOk(findings.some(({ state, check }) => state === 'fail' && check !== 'database'))
})

t.test('a database that a start would refuse is a failure', async (t) => {
  const url = await newDatabase(t)
  await query(url, 'CREATE TABLE users (id int)')
  const foreign = await runDoctor(url, { DATA_DIRECTORY: t.testdir() })
  t.match(foreign.explain('migrations'), /^schema public has tables of another program \(users\)/)
  t.equal(foreign.stateOf('keys'), undefined, 'nothing is said about tables that are missing')
  const migrated = await cloneDatabase(t)
  await startApp(t, { JWT_SECRET: production.KEY_ENCRYPTION_SECRET }, migrated).then((app) =>
    app.readMacKey(),
  )
  const { explain } = await runDoctor(migrated, {
    ...production,
    JWT_SECRET: production.KEY_ENCRYPTION_SECRET.repeat(2),
  })
  t.match(explain('keys'), /published secret/)
})

t.test('a pooler that cannot be used is named, although the server behind it can', async (t) => {
  const url = await cloneDatabase(t)
  const strict = await startStrictPooler(t, url)
  for (const [DATABASE_URL, reason] of [
    [strict, /unsupported startup parameter/],
    [await unreachableUrl(), /ECONNREFUSED/],
  ] as const) {
    const env = { DATABASE_URL, DATABASE_DIRECT_URL: url, DATA_DIRECTORY: t.testdir() }
    const { findings } = await runDoctor(url, env)
    t.match(
      findings.find(({ check }) => check === 'sessions'),
      { state: 'fail', explanation: reason },
    )
  }
})

t.test('with a shared secret, no key of the database signs', async (t) => {
  const url = await cloneDatabase(t)
  const { stateOf, explain } = await runDoctor(url, {
    JWT_SECRET: 'a'.repeat(32),
    DATA_DIRECTORY: t.testdir(),
  })
  t.equal(stateOf('keys'), 'ok')
  t.equal(explain('keys'), 'a shared secret signs')
  t.equal(stateOf('resources'), 'ok')
})

t.test('resources that get no tokens are named', async (t) => {
  const url = await cloneDatabase(t)
  await query(
    url,
    "INSERT INTO resources (id, name, identifier) VALUES (gen_random_uuid(), 'orders', 'https://orders.example')",
  )
  const env = { DATA_DIRECTORY: t.testdir() }
  const shared = await runDoctor(url, { ...env, JWT_SECRET: 'a'.repeat(32) })
  t.equal(shared.stateOf('resources'), 'warn')
  const own = await runDoctor(url, { ...env, AUDIENCE: 'https://orders.example/' })
  t.equal(own.stateOf('resources'), 'fail')
  t.match(own.explain('resources'), /^https:\/\/orders\.example is ISSUER or AUDIENCE too/)
})

t.test('hashes that cost more than new ones are a warning', async (t) => {
  const url = await cloneDatabase(t)
  await query(url, 'UPDATE users SET hashed_password = $1', [cheapHash.replace('$04$', '$15$')])
  const { stateOf, explain } = await runDoctor(url, { BCRYPT_COST: '12', DATA_DIRECTORY: t.testdir() })
  t.equal(stateOf('passwords'), 'warn')
  await query(
    url,
    `INSERT INTO imported_hashes (user_id, hash, work_kind, work_units)
     SELECT id, '$argon2id$', 'argon2 m=65536 p=4', 3 FROM users LIMIT 1`,
  )
  const imported = await runDoctor(url, { BCRYPT_COST: '12', DATA_DIRECTORY: t.testdir() })
  t.match(imported.explain('passwords'), /cost \(8 times\), imported \(argon2 m=65536 p=4\): until/)
  t.match(explain('passwords'), /of a higher cost \(8 times\): until their users log in/)
  t.equal(stateOf('password costs'), 'ok')
  t.equal(stateOf('login time'), 'ok')
  await query(url, 'UPDATE imported_hashes SET work_units = 16')
  const excessive = await runDoctor(url, { BCRYPT_COST: '12', DATA_DIRECTORY: t.testdir() })
  t.match(excessive.explain('login time'), /reveals who has a hash of argon2 m=65536 p=4$/)
  await query(url, "UPDATE users SET hashed_password = $1 WHERE username = 'alice'", [
    cheapHash.replace('$04$', '$16$'),
  ])
  const locked = await runDoctor(url, { BCRYPT_COST: '12', DATA_DIRECTORY: t.testdir() })
  t.match(locked.explain('password costs'), /these users cannot log in: alice$/)
})

t.test('every problem is named', async (t) => {
  const url = await cloneDatabase(t)
  const app = await startApp(t, { JWT_SECRET: '' }, url)
  await storeClient(app.database, 'reports', 'lks_reports')
  await query(url, 'DELETE FROM client_secrets')
  const { status, stderr, stateOf } = await runDoctor(url, {
    ...production,
    BCRYPT_COST: '8',
    SMTP_URL: 'smtp://127.0.0.1:1',
    DATABASE_POOL_SIZE: '1000',
  })
  t.equal(status, 1)
  t.match(stderr, /"code": "failure",\n +"message": "\d+ of \d+ checks failed"/)
  for (const check of ['BCRYPT_COST', 'connections', 'keys', 'johndoe', 'alice', 'mail'])
    t.equal(stateOf(check), 'fail', check)
  for (const check of ['administrators', 'clients']) t.equal(stateOf(check), 'warn', check)
})

t.test('key sets that cannot be used are a warning', async (t) => {
  const url = await cloneDatabase(t)
  const env = { DATA_DIRECTORY: t.testdir() }
  const origin = await startHttps(t, ({ url }, response) =>
    response.end(JSON.stringify(url === '/jwks' ? keySet : { keys: [] })),
  )
  const insert = `INSERT INTO client_keys (client_id, jwks_uri, allow_private_host, ca) VALUES ($1, $2, true, $3)`
  await query(url, insert, ['first-party', `${origin}/jwks`, localhostPem])
  t.equal((await runDoctor(url, env)).explain('key sets'), 'each that has a URL can be fetched')
  await query(url, 'UPDATE client_keys SET jwks_uri = $1', [origin])
  await query(
    url,
    `INSERT INTO trusted_issuers (client_id, issuer, subject_pattern) VALUES ('first-party', $1, 'a')`,
    [origin],
  )
  const { findings } = await runDoctor(url, env)
  t.same(
    findings
      .filter(({ check }) => check === 'key sets')
      .map(({ state, explanation }) => [state, explanation]),
    [
      ['warn', `of first-party at ${origin}: it has no key for signatures`],
      ['warn', `of first-party at ${origin}: the host has an address that is not public`],
    ],
  )
})

t.test('production without a mail server is warned of what does not work', async (t) => {
  const url = await cloneDatabase(t)
  const { findings, stateOf } = await runDoctor(url, production)
  t.equal(stateOf('mail'), 'warn')
  t.match(findings.find(({ check }) => check === 'mail')?.explanation, /^off, .* reset a password/)
})

t.test('in development, settings that production must not have are a warning', async (t) => {
  const url = await cloneDatabase(t)
  await query(url, 'DELETE FROM _prisma_migrations')
  const data = join(t.testdir(), 'data')
  const { stateOf } = await runDoctor(url, { JWT_SECRET: 'a'.repeat(32), DATA_DIRECTORY: data })
  t.equal(stateOf('JWT_SECRET'), 'warn')
  t.equal(stateOf('migrations'), 'fail')
  t.equal(stateOf('mail'), 'warn')
  t.notOk(existsSync(data), 'no directory is left behind')
  const { stdout } = await runCommand(url, ['doctor'], { env: { DATA_DIRECTORY: t.testdir() } })
  t.match(stdout, /^state +check +explanation\n/)
})

t.test('names that look like others, or were recorded with another MAC key, are a warning', async (t) => {
  const url = await cloneDatabase(t)
  const env = { DATA_DIRECTORY: t.testdir() }
  const findingsOf = async () => {
    const { findings } = await runDoctor(url, env)
    const of = (name: string) => findings.find(({ check }) => check === name)
    return { names: of('names'), former: of('former names') }
  }
  t.match(await findingsOf(), { names: { state: 'ok' }, former: { state: 'ok' } }, 'before the first start')
  const names = Array.from({ length: 21 }, (_, index) => `еӏӏа${'_'.repeat(index)}`)
  for (const username of [...names.map((name) => name.replace('еӏӏа', 'ella')), ...names])
    await query(url, 'INSERT INTO users (id, username, hashed_password) VALUES (gen_random_uuid(), $1, $2)', [
      username,
      `$2b$04$${'a'.repeat(53)}`,
    ])
  const app = await startApp(t, {}, url)
  await app.claimNames()
  await query(url, "DELETE FROM users WHERE username = 'johndoe'")
  t.match(await findingsOf(), {
    names: { state: 'warn', explanation: /^21 look like names that were taken earlier: \S+( \S+){19} …$/ },
    former: { state: 'ok' },
  })
  await query(url, 'UPDATE users SET name_claim = NULL WHERE length(username) > 5')
  t.match((await findingsOf()).names, {
    explanation: /^[12] look like names that were taken earlier: \S+( \S+)?$/,
  })
  await query(url, 'DELETE FROM mac_keys')
  t.match(await findingsOf(), {
    former: { state: 'warn', explanation: /^1 digests of them were made with another MAC key/ },
  })
})

t.test('a release line of Node.js that gets no more security fixes is a warning', async (t) => {
  const url = await unreachableUrl()
  const findNode = async (nodeVersion: string, now: string) => {
    const { stdout } = await runCommand(url, ['doctor', '--json'], {
      env: { ...elsewhere, DATA_DIRECTORY: t.testdir() },
      nodeVersion,
      now: new Date(now),
    })
    return (JSON.parse(stdout) as Finding[]).find(({ check }) => check === 'Node.js')
  }
  t.match(await findNode('20.19.0', '2026-04-30T23:59:59Z'), { state: 'ok', explanation: 'version 20.19.0' })
  t.match(await findNode('20.20.2', '2026-05-01T00:00:00Z'), {
    state: 'warn',
    explanation: 'version 20.20.2 has had no security fixes since 2026-04-30: use Node.js 24',
  })
  t.match(await findNode('21.7.3', '2026-01-01T00:00:00Z'), { state: 'warn' })
  for (const version of ['18.20.8', '20.18.3'])
    t.match(await findNode(version, '2026-01-01T00:00:00Z'), {
      state: 'fail',
      explanation: `version ${version}: 20.19 or later is required`,
    })
  t.match(await findNode('24.1.0', '2026-05-01T00:00:00Z'), { state: 'ok' })
  t.match(await findNode('99.0.0', '2026-05-01T00:00:00Z'), { state: 'ok' }, 'a line that is not known yet')
})

t.test('an unreachable database is a failure', async (t) => {
  const { status, stateOf } = await runDoctor(await unreachableUrl(), { DATA_DIRECTORY: t.testdir() })
  t.equal(status, 1)
  t.equal(stateOf('server'), 'fail')
})
