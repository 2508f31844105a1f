import { execFileSync } from 'node:child_process'
import { chmodSync, symlinkSync, writeFileSync } from 'node:fs'
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

/** Id of a user without rights. */
const nobody = 65_534

t.test('every secret can be read from a file', async (t) => {
  t.same(names, [
    'DATABASE_URL',
    'DATABASE_DIRECT_URL',
    'DATABASE_REPLICA_URL',
    'KEY_ENCRYPTION_SECRET',
    'KEY_ENCRYPTION_SECRET_PREVIOUS',
    'JWT_SECRET',
    'SMTP_URL',
    'OTEL_EXPORTER_OTLP_HEADERS',
  ])
  const values: Record<string, string> = {
    SMTP_URL: 'smtp://canary@mail',
    OTEL_EXPORTER_OTLP_HEADERS: 'authorization=canary',
  }
  for (const name of names) {
    const value = name.startsWith('DATABASE') ? primary : (values[name] ?? secret)
    const collector = { OTEL_EXPORTER_OTLP_ENDPOINT: 'http://localhost:4318' }
    const context = name === 'DATABASE_URL' ? collector : { ...collector, DATABASE_URL: primary }
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
  const folder = t.testdir({ 'canary-secret': secret })
  const locked = join(folder, 'canary-secret')
  const pipe = join(folder, 'canary-pipe')
  const dangling = join(folder, 'canary-dangling')
  const loop = join(folder, 'canary-loop')
  execFileSync('mkfifo', [pipe])
  symlinkSync(join(folder, 'canary-absent'), dangling)
  symlinkSync(loop, loop)
  for (const [path, problem] of [
    [join(folder, 'canary-absent'), 'a file that does not exist'],
    [dangling, 'a file that does not exist'],
    [join(locked, 'canary'), 'a path below something that is not a directory'],
    [loop, 'a path with too many symbolic links'],
    [folder, 'something that is not a regular file'],
    [pipe, 'something that is not a regular file'],
    ['/dev/zero', 'something that is not a regular file'],
    ['/canary\0', 'a file that cannot be read (ERR_INVALID_ARG_VALUE)'],
  ] as const)
    refuses(t, { JWT_SECRET_FILE: path }, `JWT_SECRET_FILE names ${problem}`)
  for (const [content, problem] of [
    ['', 'an empty file'],
    ['\n', 'an empty file'],
    ['canary'.repeat(3_000), 'a file of more than 16384 bytes'],
    [Buffer.from([0xff]), 'a file that is not valid UTF-8'],
    [`\ufeff${secret}`, 'a file with a byte order mark: save it without'],
    [Buffer.from(secret, 'utf16le'), 'a file with a NUL character: save it as UTF-8 text'],
    [`${secret}\0`, 'a file with a NUL character: save it as UTF-8 text'],
  ] as const)
    refuses(t, { JWT_SECRET_FILE: writeSecret(t, content) }, `JWT_SECRET_FILE names ${problem}`)
  refuses(
    t,
    { JWT_SECRET_FILE: writeSecret(t, 'canary') },
    'JWT_SECRET must be text of 32 to 1024 characters (openssl rand -base64 32 makes one)',
  )
})

t.test('a file that this process may not read is refused', async (t) => {
  const path = writeSecret(t, secret)
  chmodSync(path, 0)
  // The administrator may read every file.
  const isRoot = process.geteuid?.() === 0
  if (isRoot) process.seteuid?.(nobody)
  try {
    refuses(t, { JWT_SECRET_FILE: path }, 'JWT_SECRET_FILE names a file that this process may not read')
  } finally {
    if (isRoot) process.seteuid?.(0)
  }
})

t.test('a secret and its file exclude each other', async (t) => {
  for (const name of names)
    refuses(
      t,
      { [name]: secret, [`${name}_FILE`]: writeSecret(t, secret) },
      `${name} and ${name}_FILE exclude each other: set only one of them`,
    )
})

t.test('the service and the command line read them alike', async (t) => {
  const url = await cloneDatabase(t)
  const env = { DATABASE_URL: '', DATABASE_URL_FILE: writeSecret(t, `${url}\n`) }
  t.match(await runCommand('', ['status'], { env }), { status: 0, stdout: /applied/ })
  t.match(await runCommand('', ['doctor'], { env }), { stdout: /^ok +PostgreSQL/m })
  const service = startProgram(t, 'src/server.ts', { PORT: '0', ...env })
  await service.prints('Server listening at')
  const exclusive = 'DATABASE_URL and DATABASE_URL_FILE exclude each other: set only one of them\n'
  const both = { env: { ...env, DATABASE_URL: url } }
  t.match(await runCommand('', ['status'], both), { status: 1, stderr: `latchkey: ${exclusive}` })
  t.match(await runCommand('', ['doctor'], both), { status: 1, stdout: `settings  ${exclusive}` })
})

function refuses(t: Test, environment: Record<string, string>, message: string): void {
  const refusal = t.throws(() => readConfig(environment)) as unknown as Error
  t.ok(refusal instanceof OperatorError)
  t.equal(refusal.message, message)
  t.notMatch(refusal.message, 'canary')
}
