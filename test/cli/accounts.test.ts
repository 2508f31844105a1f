import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { logIn, startApp } from '../helpers/app.js'
import { runCommand } from '../helpers/command.js'
import { cloneDatabase } from '../helpers/database.js'

const url = await cloneDatabase(t)
const app = await startApp(t, {}, url)
const read = async (args: string[], input?: string) => {
  const { stdout, stderr, status } = await runCommand(url, [...args, '--json'], input ? { input } : {})
  t.equal(status, 0, stderr)
  return JSON.parse(stdout) as Record<string, unknown>
}
const show = (username: string) => read(['users', 'show', username])

t.test('a password is generated, and shown once', async (t) => {
  const { password } = await read(['users', 'create', 'anna', '--generate-password'])
  t.match(password, /^[\w-]{20}$/)
  t.ok(await logIn(app, 'anna', String(password)))
  const { stdout } = await runCommand(url, ['users', 'set-password', 'anna', '--generate-password'])
  const [, again = ''] =
    /^anna has a new password\.\npassword {2}(\S{20})\nThe password is not shown/.exec(stdout) ?? []
  t.ok(await logIn(app, 'anna', again))
  t.match(await show('anna'), { password_change_required: true, email_verified: null })
})

t.test('a password is read from a file', async (t) => {
  const file = join(t.testdir(), 'password')
  const setPassword = (...args: string[]) =>
    runCommand(url, [
      'users',
      'set-password',
      'johndoe',
      '--no-change-required',
      '--password-file',
      file,
      ...args,
    ])
  t.match(await setPassword(), {
    status: 1,
    stderr: /^latchkey: --password-file names a file that does not exist/,
  })
  writeFileSync(file, 'correct horse\n')
  t.match(await setPassword('--generate-password'), { status: 2, stderr: /exclude each other/ })
  t.match(await setPassword(), { status: 0, stdout: 'johndoe has a new password.\n' })
  t.ok(await logIn(app, 'johndoe', 'correct horse'))
})

t.test('an address is set, verified or not, and removed', async (t) => {
  const setEmail = (...args: string[]) => runCommand(url, ['users', 'set-email', ...args])
  t.match(await setEmail('johndoe', 'john@example.com'), {
    status: 0,
    stdout: 'johndoe has the address john@example.com.\n',
  })
  t.match(await show('johndoe'), { email: 'john@example.com', email_verified: true })
  t.match(await setEmail('johndoe', 'new@example.com', '--unverified'), { status: 0 })
  t.match(await show('johndoe'), {
    email: 'new@example.com',
    email_verified: false,
    verified_email: 'john@example.com',
  })
  t.match(await setEmail('alice', 'JOHN@example.com'), { status: 4, stderr: /belongs to another user/ })
  t.match(await setEmail('alice', 'x'), { status: 2, stderr: /the e-mail address is not valid; --force/ })
  t.match(await setEmail('nobody', 'x@example.com'), { status: 3 })
  t.match(await setEmail('a\0b', 'x@example.com'), { status: 3 })
  for (const args of [[], ['x@example.com', '--remove']])
    t.match(await setEmail('alice', ...args), { status: 2, stderr: /either an address or --remove/ })
  t.match(await setEmail('johndoe', '--remove'), { status: 0, stdout: 'johndoe has no e-mail address.\n' })
  t.match(await show('johndoe'), { email: null, email_verified: null })
  await read(['users', 'create', 'bert', '--email', 'bert@example.com', '--unverified'], 'correct horse')
  t.match(await show('bert'), { email: 'bert@example.com', email_verified: false, verified_email: null })
})

t.test('a user and a client are shown', async (t) => {
  t.match(
    (await runCommand(url, ['users', 'show', 'alice'])).stdout,
    /^username {2,}alice\nemail +alice@example\.com\n/,
  )
  const { stdout } = await runCommand(url, ['clients', 'show', 'first-party'])
  t.match(stdout, /^client_id +first-party\nname +First party\ntype +public\n/)
  t.match(await runCommand(url, ['clients', 'show', 'nobody']), { status: 3 })
})

t.test('a client is updated, and what is not given is kept', async (t) => {
  await read(['clients', 'create', 'phone', '--name', 'Phone', '--public'])
  const update = (...args: string[]) => read(['clients', 'update', 'phone', ...args])
  t.match(await update('--name', 'My phone'), { name: 'My phone', grants: ['password', 'refresh_token'] })
  t.match(await update('--scope', 'me'), { name: 'My phone', scopes: ['me'] })
  t.match(await update('--grant', 'password'), { scopes: ['me'], grants: ['password'] })
  t.match(await read(['clients', 'show', 'phone']), {
    name: 'My phone',
    scopes: ['me'],
    grants: ['password'],
  })
  for (const [args, status] of [
    [[], 2],
    [['--grant', 'client_credentials'], 2],
    [['--scope', 'a"b'], 2],
    [['--name', 'a\nb'], 2],
  ] as const)
    t.match(await runCommand(url, ['clients', 'update', 'phone', ...args]), { status })
  t.match(await runCommand(url, ['clients', 'update', 'nobody', '--name', 'x']), { status: 3 })
})
