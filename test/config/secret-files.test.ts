import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { readConfig } from '../../src/config/index.js'
import { settingGroups } from '../../src/config/settings/index.js'
import { OperatorError } from '../../src/lifecycle/operator-error.js'
import { runCommand } from '../helpers/command.js'
import { cloneDatabase } from '../helpers/database.js'
import { startProgram } from '../helpers/service.js'

const secret = 'a canary of more than thirty-two characters'
const primary = 'postgresql://latchkey:canary@localhost/latchkey'
const names = settingGroups.flatMap(({ settings }) =>
  Object.keys(settings).filter((name) => settings[name]?.secret),
)

function writeSecret(t: Test, content: string | Buffer): string {
  const path = join(t.testdir(), 'canary')
  writeFileSync(path, content)
  return path
}

t.test('every secret can be read from a file', async (t) => {
  t.same(names, [
    'DATABASE_URL',
    'DATABASE_DIRECT_URL',
    'DATABASE_REPLICA_URL',
    'KEY_ENCRYPTION_SECRET',
    'KEY_ENCRYPTION_SECRET_PREVIOUS',
    'JWT_SECRET',
    'SMTP_URL',
  ])
  for (const name of names) {
    const value = name.startsWith('DATABASE') ? primary : name === 'SMTP_URL' ? 'smtp://canary@mail' : secret
    const context = name === 'DATABASE_URL' ? {} : { DATABASE_URL: primary }
    const expected = readConfig({ ...context, [name]: value })
    for (const end of ['', '\n', '\r\n'])
      t.same(readConfig({ ...context, [name]: '', [`${name}_FILE`]: writeSecret(t, value + end) }), expected)
  }
})

t.test('only one line break at the end is cut', async (t) => {
  const config = readConfig({ JWT_SECRET_FILE: writeSecret(t, `\n ${secret} \n\n`) })
  t.equal(config.jwtSecret, `\n ${secret} \n`)
})

t.test('an empty file setting counts as not set', async (t) => {
  t.equal(readConfig({ JWT_SECRET: secret, JWT_SECRET_FILE: '' }).jwtSecret, secret)
})

t.test('a file that has no secret is refused in one line, which names the setting alone', async (t) => {
  for (const [path, problem] of [
    [join(t.testdir(), 'canary-absent'), 'cannot be read (ENOENT)'],
    [t.testdir(), 'cannot be read (EISDIR)'],
    ['/canary\0', 'cannot be read (ERR_INVALID_ARG_VALUE)'],
  ] as const)
    refuses(t, { JWT_SECRET_FILE: path }, `JWT_SECRET_FILE names a file that ${problem}`)
  refuses(t, { JWT_SECRET_FILE: writeSecret(t, '') }, 'JWT_SECRET_FILE names an empty file')
  refuses(t, { JWT_SECRET_FILE: writeSecret(t, '\n') }, 'JWT_SECRET_FILE names an empty file')
  refuses(
    t,
    { SMTP_URL_FILE: writeSecret(t, 'canary'.repeat(3_000)) },
    'SMTP_URL_FILE names a file of more than 16384 bytes',
  )
  refuses(t, { SMTP_URL_FILE: '/dev/zero' }, 'SMTP_URL_FILE names a file of more than 16384 bytes')
  refuses(
    t,
    { JWT_SECRET_FILE: writeSecret(t, Buffer.from([0xff])) },
    'JWT_SECRET_FILE names a file that is not valid UTF-8',
  )
  refuses(
    t,
    { JWT_SECRET_FILE: writeSecret(t, 'canary') },
    'JWT_SECRET must be text of 32 to 1024 characters',
  )
})

t.test('a secret and its file exclude each other', async (t) => {
  for (const name of names)
    refuses(
      t,
      { [name]: secret, [`${name}_FILE`]: writeSecret(t, secret) },
      `${name} and ${name}_FILE exclude each other: set only one of them`,
    )
})

t.test('only secrets are read from files', async (t) => {
  refuses(
    t,
    { BCRYPT_COST_FILE: writeSecret(t, '10') },
    'unknown setting BCRYPT_COST_FILE; docs/configuration.md lists all settings',
  )
})

t.test('the service and the command line read them alike', async (t) => {
  const url = await cloneDatabase(t)
  const env = { DATABASE_URL: '', DATABASE_URL_FILE: writeSecret(t, `${url}\n`) }
  t.match(await runCommand('', ['status'], { env }), { status: 0, stdout: /applied/ })
  t.match(await runCommand('', ['doctor'], { env }), { stdout: /^ok +PostgreSQL/m })
  const service = startProgram(t, 'src/server.ts', { PORT: '0', ...env })
  await service.prints('Server listening at')
  for (const command of ['status', 'doctor'])
    t.match(await runCommand('', [command], { env: { ...env, DATABASE_URL: url } }), {
      status: 1,
      stderr: 'latchkey: DATABASE_URL and DATABASE_URL_FILE exclude each other: set only one of them\n',
    })
})

function refuses(t: Test, environment: Record<string, string>, message: string): void {
  const refusal = t.throws(() => readConfig(environment)) as unknown as Error
  t.ok(refusal instanceof OperatorError)
  t.equal(refusal.message, message)
  t.notMatch(refusal.message, 'canary')
}
