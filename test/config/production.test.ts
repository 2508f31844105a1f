import { readFileSync } from 'node:fs'
import t from 'tap'
import { loadConfig, readConfig } from '../../src/config/index.js'
import { startNotices } from '../../src/config/production.js'
import { query } from '../database/query.js'
import { postToken, startApp } from '../helpers/app.js'
import { cloneDatabase } from '../helpers/database.js'
import { cheapHash } from '../helpers/replicas.js'
import { startProgram, startService } from '../helpers/service.js'

const safe = {
  NODE_ENV: 'production',
  ISSUER: 'https://latchkey.example.com',
  DATABASE_URL: 'postgres://latchkey:Gx7-lq2Zt_9p@db/latchkey',
  KEY_ENCRYPTION_SECRET: 'q8Jp0Zs3tYv5xW7rN2kL4mB6hD1gF9cA',
}

const example = Object.fromEntries(
  readFileSync('.env.example', 'utf8')
    .split('\n')
    .flatMap((line) => (/^[A-Z]/.test(line) ? [line.split(/=(.*)/s).slice(0, 2)] : [])),
) as Record<string, string>

const unsafe: [setting: string, change: Record<string, string>][] = [
  ['KEY_ENCRYPTION_SECRET', { KEY_ENCRYPTION_SECRET: '' }],
  ['KEY_ENCRYPTION_SECRET', { KEY_ENCRYPTION_SECRET: 'a'.repeat(64) }],
  ['KEY_ENCRYPTION_SECRET', { KEY_ENCRYPTION_SECRET: String(example.KEY_ENCRYPTION_SECRET) }],
  ['JWT_SECRET', { JWT_SECRET: '09d25e094faa6ca2556c818166b7a9563b93f7099f6f0f4caa6cf63b88e8d3e7' }],
  ['JWT_SECRET', { JWT_SECRET: 'short' }],
  ['ISSUER', { ISSUER: 'http://latchkey.example.com' }],
  ['ISSUER', { ISSUER: '' }],
  ['DATABASE_URL', { DATABASE_URL: '' }],
  ['DATABASE_URL', { DATABASE_URL: 'postgres://postgres:postgres@db/latchkey' }],
  [
    'DATABASE_URL',
    { DATABASE_URL: 'postgres://latchkey@db/latchkey', PGPASSWORD: String(example.POSTGRES_PASSWORD) },
  ],
  ['DATABASE_URL', { DATABASE_URL: 'postgres://postgres:p%6Fstgres@db/latchkey' }],
  ['DATABASE_URL', { DATABASE_URL: 'postgres://db/latchkey?user=postgres&password=postgres' }],
  ['DATABASE_URL', { DATABASE_URL: 'postgres://postgres:Gx7-lq2Zt_9p@db/latchkey?password=postgres' }],
  ['DATABASE_URL', { DATABASE_URL: 'postgres://postgres:postgres@%2Fvar%2Frun%2Fpostgresql/latchkey' }],
  ['DATABASE_URL', { DATABASE_URL: 'postgres://postgres:postgres@/latchkey?host=/var/run/postgresql' }],
  ['DATABASE_DIRECT_URL', { DATABASE_DIRECT_URL: 'postgres://latchkey@db/x', PGPASSWORD: 'postgres' }],
  ['DATABASE_REPLICA_URL', { DATABASE_REPLICA_URL: 'postgres://latchkey@db/x', PGPASSWORD: 'postgres' }],
  ['DATABASE_DIRECT_URL', { DATABASE_DIRECT_URL: 'postgres://latchkey:latchkey@db/latchkey' }],
  ['DATABASE_REPLICA_URL', { DATABASE_REPLICA_URL: 'postgres://latchkey:postgres@db2/latchkey' }],
  ['BCRYPT_COST', { BCRYPT_COST: '9' }],
]

t.test('production starts with settings that are safe', async (t) => {
  t.equal(loadConfig(safe).production, true)
  const url = 'postgres://latchkey:Gx7-lq2Zt_9p@db/x'
  t.doesNotThrow(
    () => loadConfig({ ...safe, DATABASE_URL: url, PGPASSWORD: 'postgres' }),
    'the URL has another',
  )
  for (const issuer of ['http://localhost:8000', 'http://127.0.0.1', 'http://[::1]:80'])
    t.equal(loadConfig({ ...safe, ISSUER: issuer }).issuer, issuer)
  t.equal(loadConfig(safe).drainSeconds, 5)
})

for (const [setting, change] of unsafe)
  t.test(`production refuses ${JSON.stringify(Object.keys(change))} and names ${setting}`, async (t) => {
    const refusal = t.throws(() => loadConfig({ ...safe, ...change })) as unknown as Error
    t.match(refusal.message, new RegExp(`^${setting} `))
    for (const value of Object.values(change).filter((one) => one.length > 3))
      t.notMatch(refusal.message, value)
  })

t.test('what production refuses is accepted in development', async (t) => {
  for (const [, change] of unsafe.filter(([, { JWT_SECRET }]) => JWT_SECRET !== 'short'))
    t.doesNotThrow(() => loadConfig({ ...safe, ...change, NODE_ENV: 'development' }))
})

t.test(
  'without NODE_ENV the rules of production apply to whatever serves or reaches other machines',
  async (t) => {
    const url = 'postgres://latchkey:Gx7-lq2Zt_9p@localhost/latchkey'
    for (const [environment, production] of [
      [{}, false],
      [{ HOST: '0.0.0.0', ISSUER: safe.ISSUER }, false],
      [{ DATABASE_URL: url }, false],
      [{ DATABASE_URL: url, HOST: 'localhost', ISSUER: 'http://localhost:9000' }, false],
      [{ DATABASE_URL: url, HOST: '::1', ISSUER: 'https://[::1]' }, false],
      [{ DATABASE_URL: url, HOST: '127.1.2.3', ISSUER: 'http://auth.localhost' }, false],
      [{ DATABASE_URL: url, HOST: '::ffff:127.0.0.1', ISSUER: 'http://127.0.0.1' }, false],
      [{ DATABASE_URL: 'postgres:///latchkey?host=/run/postgresql' }, false],
      [{ DATABASE_URL: 'postgres:///latchkey' }, false],
      [{ DATABASE_URL: 'postgres://latchkey@[::1]/latchkey' }, false],
      [{ DATABASE_URL: safe.DATABASE_URL }, true],
      [{ DATABASE_URL: 'postgres://latchkey@localhost/latchkey?host=10.0.0.1' }, true],
      [{ DATABASE_URL: url, HOST: '0.0.0.0' }, true],
      [{ DATABASE_URL: url, HOST: '::' }, true],
      [{ DATABASE_URL: url, HOST: '10.0.0.1' }, true],
      [{ DATABASE_URL: url, HOST: 'localhost.example.com' }, true],
      [{ DATABASE_URL: url, ISSUER: safe.ISSUER }, true],
      [{ DATABASE_URL: url, ISSUER: 'http://latchkey.example.com' }, true],
      [{ DATABASE_URL: url, ISSUER: 'https://localhost.example.com' }, true],
    ] as [Record<string, string>, boolean][])
      for (const NODE_ENV of ['', 'test']) {
        const what = JSON.stringify({ ...environment, NODE_ENV })
        t.equal(
          readConfig({ ...safe, ISSUER: '', DATABASE_URL: '', NODE_ENV, ...environment }).production,
          production,
          what,
        )
        t.equal(readConfig({ ...environment, NODE_ENV: 'development' }).production, false, what)
      }
  },
)

t.test('where they apply without NODE_ENV=production, the refusal says how to avoid them', async (t) => {
  const deployment = { ISSUER: safe.ISSUER, DATABASE_URL: safe.DATABASE_URL }
  t.throws(() => loadConfig(deployment), {
    message: /^KEY_ENCRYPTION_SECRET is required: .* NODE_ENV=development\)$/,
  })
  t.throws(() => loadConfig({ NODE_ENV: 'production', BCRYPT_COST: '4' }), {
    message:
      /^KEY_ENCRYPTION_SECRET is required: [^;]*; ISSUER is required[^;]*; DATABASE_URL is required[^;]*; BCRYPT_COST must [^;]* \(NODE_ENV is production\)$/,
  })
  t.throws(() => loadConfig({ ...safe, NODE_ENV: '', BCRYPT_COST: '4' }), {
    message: /^BCRYPT_COST must be at least 10 \(.* NODE_ENV=development\)$/,
  })
  t.equal(loadConfig({ ...safe, NODE_ENV: '' }).registration, 'closed')
  t.equal(loadConfig({ ...deployment, NODE_ENV: 'development' }).registration, 'open')
})

t.test('with an ISSUER, Compose requires a NODE_ENV', async (t) => {
  const compose = readFileSync('docker-compose.yml', 'utf8')
  const [, trial = '', besideIssuer] =
    /NODE_ENV: \$\{NODE_ENV:-(\w+)\$\{ISSUER:\+([^}]+)\}\}\n/.exec(compose) ?? []
  t.equal(trial, 'development')
  t.throws(() => loadConfig({ NODE_ENV: `${trial}${besideIssuer}` }), {
    message: 'NODE_ENV must be one of: development, production, test',
  })
})

t.test(
  'a start warns of development, of mail that is off and of variables that are not settings',
  async (t) => {
    const noticesOf = (environment: Record<string, string>) =>
      startNotices(loadConfig(environment), environment)
    t.match(noticesOf({}), [/^in development: keys are encrypted under a published secret, .*published$/])
    t.same(noticesOf({ KEY_ENCRYPTION_SECRET: safe.KEY_ENCRYPTION_SECRET }), [
      'in development: passwords are published',
    ])
    t.match(noticesOf({ HOST: '0.0.0.0' }), [/^in development: .*other machines can reach it$/])
    t.match(noticesOf({ SECRET_KEY: 'x' }), [/^SECRET_KEY is not a setting .* JWT_SECRET/, /^in development/])
    t.match(noticesOf(safe), [/^mail is off/])
    t.same(noticesOf({ ...safe, SMTP_URL: 'smtp://mail.example.com' }), [])
  },
)

t.test('the service logs the warning in one line', async (t) => {
  const { program } = await startService(t)
  await program.prints('johndoe / secret')
  const warnings = program.stdout.split('\n').filter((line) => line.includes('"level":40'))
  t.match(warnings, [/"msg":"in development: /])
  t.equal(warnings.length, 1)
})

t.test('a refusal ends the process with one line', async (t) => {
  const program = startProgram(t, 'src/server.ts', { ...safe, ...example, DATABASE_URL: safe.DATABASE_URL })
  t.equal(await program.ends(), 1)
  t.match(program.stderr, /^latchkey: KEY_ENCRYPTION_SECRET is published \(NODE_ENV is production\)\n$/)
})

t.test(
  'the service does not start while a user has a published password, which nobody can log in with',
  async (t) => {
    const url = await cloneDatabase(t)
    const settings = { ...safe, DATABASE_URL: url, PORT: '0' }
    const start = () => startProgram(t, 'src/server.ts', settings)
    for (const username of ['johndoe', 'alice']) {
      const program = start()
      t.equal(await program.ends(), 1)
      t.match(
        program.stderr,
        new RegExp(
          `^latchkey: ${username} has a published password: .*users delete ${username}.* \\(NODE_ENV is production\\)\n$`,
        ),
      )
      if (username === 'johndoe') {
        const app = await startApp(
          t,
          { ...settings, JWT_SECRET: safe.KEY_ENCRYPTION_SECRET, BCRYPT_COST: '12' },
          url,
        )
        t.equal((await postToken(app, { username, password: 'secret' })).statusCode, 401)
        await app.close()
        await query(url, 'UPDATE users SET hashed_password = $1 WHERE username = $2', [cheapHash, username])
        t.match(
          (await start().prints('x').catch(String)) ?? '',
          /johndoe has a published password/,
          'at whatever cost',
        )
      }
      await query(url, 'DELETE FROM users WHERE username = $1', [username])
    }
    await t.resolves(start().prints('Server listening at'))
  },
)
