import t from 'tap'
import { query, unreachableUrl } from '../database/query.js'
import { startApp } from '../helpers/app.js'
import { storeClient } from '../helpers/clients.js'
import { runCommand } from '../helpers/command.js'
import { cloneDatabase } from '../helpers/database.js'
import { startMailServer } from '../helpers/mail.js'
import { cheapHash } from '../helpers/replicas.js'

interface Finding {
  state: string
  check: string
  explanation: string
}

const production = {
  NODE_ENV: 'production',
  ISSUER: 'https://latchkey.example.com',
  KEY_ENCRYPTION_SECRET: 'q8Jp0Zs3tYv5xW7rN2kL4mB6hD1gF9cA',
  BCRYPT_COST: '10',
}

async function runDoctor(url: string, env: Record<string, string>) {
  const { status, stdout, stderr } = await runCommand(url, ['doctor', '--json'], { env })
  const findings = JSON.parse(stdout || '[]') as Finding[]
  const stateOf = (check: string) => findings.find((one) => one.check === check)?.state
  return { status, stderr, findings, stateOf }
}

t.test('a healthy deployment passes every check', async (t) => {
  const mail = await startMailServer(t)
  const url = await cloneDatabase(t)
  await startApp(t, { JWT_SECRET: '', KEY_ENCRYPTION_SECRET: production.KEY_ENCRYPTION_SECRET }, url)
  await query(url, "DELETE FROM users WHERE username = 'johndoe'")
  await query(url, "UPDATE users SET disabled = false, scopes = '{users:admin}', hashed_password = $1", [
    cheapHash,
  ])
  const { status, findings } = await runDoctor(url, { ...production, SMTP_URL: mail.url })
  t.same(new Set(findings.map(({ state }) => state)), new Set(['ok']))
  t.equal(status, 0)
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
  t.match(stderr, /^latchkey: \d+ of \d+ checks failed\n$/)
  for (const check of ['BCRYPT_COST', 'connections', 'keys', 'johndoe', 'alice', 'mail'])
    t.equal(stateOf(check), 'fail', check)
  for (const check of ['administrators', 'clients']) t.equal(stateOf(check), 'warn', check)
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
  const { stateOf } = await runDoctor(url, { JWT_SECRET: 'a'.repeat(32), DATA_DIRECTORY: t.testdir() })
  t.equal(stateOf('JWT_SECRET'), 'warn')
  t.equal(stateOf('migrations'), 'fail')
  t.equal(stateOf('mail'), 'warn')
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
      env: { DATA_DIRECTORY: t.testdir() },
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
  t.match(await findNode('24.1.0', '2026-05-01T00:00:00Z'), { state: 'ok' })
  t.match(await findNode('99.0.0', '2026-05-01T00:00:00Z'), { state: 'ok' }, 'a line that is not known yet')
})

t.test('an unreachable database is a failure', async (t) => {
  const { status, stateOf } = await runDoctor(await unreachableUrl(), { DATA_DIRECTORY: t.testdir() })
  t.equal(status, 1)
  t.equal(stateOf('server'), 'fail')
})
