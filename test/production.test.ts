import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { loadConfig } from '../src/config.js'
import { query } from './database/query.js'
import { postToken, startApp } from './helpers/app.js'
import { cloneDatabase } from './helpers/database.js'
import { cheapHash } from './helpers/replicas.js'
import { startProgram } from './helpers/service.js'

const safe = {
  NODE_ENV: 'production',
  ISSUER: 'https://latchkey.example.com',
  DATABASE_URL: 'postgres://latchkey:Gx7-lq2Zt_9p@db/latchkey',
  KEY_ENCRYPTION_SECRET: 'q8Jp0Zs3tYv5xW7rN2kL4mB6hD1gF9cA',
}

const example = Object.fromEntries(
  readFileSync(join(import.meta.dirname, '../.env.example'), 'utf8')
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
  ['DATABASE_URL', { DATABASE_URL: '' }],
  ['DATABASE_URL', { DATABASE_URL: 'postgres://postgres:postgres@db/latchkey' }],
  [
    'DATABASE_URL',
    { DATABASE_URL: 'postgres://latchkey@db/latchkey', PGPASSWORD: String(example.POSTGRES_PASSWORD) },
  ],
  ['DATABASE_DIRECT_URL', { DATABASE_DIRECT_URL: 'postgres://latchkey:latchkey@db/latchkey' }],
  ['DATABASE_REPLICA_URL', { DATABASE_REPLICA_URL: 'postgres://latchkey:postgres@db2/latchkey' }],
  ['BCRYPT_COST', { BCRYPT_COST: '9' }],
]

t.test('production starts with settings that are safe', async (t) => {
  t.equal(loadConfig(safe).production, true)
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

t.test('what is refused there is taken elsewhere', async (t) => {
  for (const [, change] of unsafe.filter(([, { JWT_SECRET }]) => JWT_SECRET !== 'short'))
    t.doesNotThrow(() => loadConfig({ ...safe, ...change, NODE_ENV: 'development' }))
})

t.test('the process ends with one line', async (t) => {
  const program = startProgram(t, 'src/server.ts', { ...safe, ...example, DATABASE_URL: safe.DATABASE_URL })
  t.equal(await program.ends(), 1)
  t.match(program.stderr, /^latchkey: KEY_ENCRYPTION_SECRET is published \(NODE_ENV is production\)\n$/)
})

t.test('it does not start while a published password lets somebody in, and nobody is let in', async (t) => {
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
})
