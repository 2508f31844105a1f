import bcrypt from 'bcrypt'
import type { FastifyInstance } from 'fastify'
import t from 'tap'
import { getAs, postToken, startApp } from '../helpers/app.js'
import { runCommand } from '../helpers/command.js'
import { cloneDatabase } from '../helpers/database.js'

interface Tokens {
  access_token: string
  refresh_token: string
}

const refresh = (app: FastifyInstance, refresh_token: string) =>
  postToken(app, { grant_type: 'refresh_token', refresh_token })

t.test('users are created, listed and deleted', async (t) => {
  const url = await cloneDatabase(t)
  const app = await startApp(t, {}, url)
  const options = ['--email', 'bob@example.com', '--full-name', 'Bob Builder']
  const created = await runCommand(url, ['users', 'create', 'bob', ...options], {
    input: 'pass word \nmore\n',
  })
  t.same(created, { status: 0, stdout: 'Created bob.\n', stderr: '' })
  const login = await postToken(app, { username: 'bob', password: 'pass word ' })
  t.equal(login.statusCode, 200, 'the password is the first line, as it is')
  const { hashedPassword } = await app.database.user.findUniqueOrThrow({ where: { username: 'bob' } })
  t.equal(bcrypt.getRounds(hashedPassword), 4)

  const json = await runCommand(url, ['users', 'create', 'eve', '--disabled', '--json'], { input: 'secret' })
  t.same(JSON.parse(json.stdout), { username: 'eve', email: null, full_name: null, disabled: true })
  const listed = await runCommand(url, ['users', 'list'])
  t.match(
    listed.stdout,
    /^username +email +full_name +disabled +created_at\nalice +alice@example\.com +Alice Wonderson +true +20/,
  )
  t.notMatch(listed.stdout, '$2b$')
  const page = await runCommand(url, ['users', 'list', '--json', '--limit', '2', '--after', 'alice'])
  t.match(JSON.parse(page.stdout), [
    { username: 'bob', full_name: 'Bob Builder', disabled: false },
    { username: 'eve', email: null },
  ])

  t.match(await runCommand(url, ['users', 'delete', 'bob']), { status: 0, stdout: 'Deleted bob.\n' })
  t.equal((await getAs(app, login.json<Tokens>().access_token, '/users/me/')).statusCode, 401)
})

t.test('a user who is locked out loses what he has, and does not get it back with his name', async (t) => {
  const url = await cloneDatabase(t)
  const app = await startApp(t, {}, url)
  const tokens = (await postToken(app, { username: 'johndoe', password: 'secret' })).json<Tokens>()
  t.match(await runCommand(url, ['users', 'disable', 'johndoe']), {
    status: 0,
    stdout: 'johndoe is disabled.\n',
  })
  t.same((await getAs(app, tokens.access_token, '/users/me/')).json(), { detail: 'Inactive user' })
  t.equal((await refresh(app, tokens.refresh_token)).json<{ error: string }>().error, 'invalid_grant')
  t.match(await runCommand(url, ['users', 'enable', 'johndoe', '--json']), { status: 0 })
  t.equal((await refresh(app, tokens.refresh_token)).statusCode, 400)
  t.equal((await getAs(app, tokens.access_token, '/users/me/')).statusCode, 401)
})

t.test('administrators are made, and unmade but for the last one', async (t) => {
  const url = await cloneDatabase(t)
  const app = await startApp(t, {}, url)
  const askForScope = async () =>
    (
      await postToken(app, {
        ...{ grant_type: 'password', username: 'johndoe', password: 'secret', scope: 'users:admin' },
      })
    ).json<object>()
  t.match(await askForScope(), { error: 'invalid_scope' })
  const scopes = ['--scope', 'users:admin', 'items:admin']
  t.match(await runCommand(url, ['users', 'set-scopes', 'johndoe', ...scopes]), {
    status: 0,
    stdout: 'johndoe has users:admin items:admin.\n',
  })
  t.match(await askForScope(), { token_type: 'bearer' })
  t.match(await runCommand(url, ['users', 'set-scopes', 'johndoe']), { status: 4 })
  await runCommand(url, ['users', 'create', 'bob'], { input: 'correct horse' })
  await runCommand(url, ['users', 'set-scopes', 'bob', '--scope', 'users:admin'])
  t.match(await runCommand(url, ['users', 'set-scopes', 'johndoe']), {
    status: 0,
    stdout: 'johndoe has no scopes of his own.\n',
  })
  t.match(await askForScope(), { error: 'invalid_scope' })
})

t.test('another password ends all tokens', async (t) => {
  const url = await cloneDatabase(t)
  const app = await startApp(t, {}, url)
  const tokens = (await postToken(app, { username: 'johndoe', password: 'secret' })).json<Tokens>()
  const outcome = await runCommand(url, ['users', 'set-password', 'johndoe'], { input: 'new secret\r\n' })
  t.same(outcome, { status: 0, stdout: 'johndoe has a new password.\n', stderr: '' })
  t.equal((await refresh(app, tokens.refresh_token)).statusCode, 400)
  t.equal((await getAs(app, tokens.access_token, '/users/me/')).statusCode, 401)
  t.equal((await postToken(app, { username: 'johndoe', password: 'secret' })).statusCode, 401)
  t.equal((await postToken(app, { username: 'johndoe', password: 'new secret' })).statusCode, 200)
})

t.test('tokens of a user are revoked', async (t) => {
  const url = await cloneDatabase(t)
  const app = await startApp(t, {}, url)
  const tokens = (await postToken(app, { username: 'johndoe', password: 'secret' })).json<Tokens>()
  const outcome = await runCommand(url, ['tokens', 'revoke', '--user', 'johndoe'])
  t.same(outcome, { status: 0, stdout: 'All tokens of johndoe are revoked.\n', stderr: '' })
  t.equal((await getAs(app, tokens.access_token, '/users/me/')).statusCode, 401)
  t.equal((await refresh(app, tokens.refresh_token)).statusCode, 400)
  t.equal((await postToken(app, { username: 'johndoe', password: 'secret' })).statusCode, 200)
})

t.test('a person is asked for the password twice, and does not see it', async (t) => {
  const url = await cloneDatabase(t)
  const ask = (input: string) => runCommand(url, ['users', 'create', 'bob'], { input, isTTY: true })
  t.same(await ask('secret\nsecrets\n'), {
    status: 2,
    stdout: '',
    stderr: 'Password: \nOnce more: \nlatchkey: the two passwords are not the same\n',
  })
  t.match(await ask('sec\x03'), { status: 2, stderr: /^Password: \nlatchkey: a password has/ }, 'Ctrl-C')
  t.same(await ask('secret\nsecret\n'), {
    status: 0,
    stdout: 'Created bob.\n',
    stderr: 'Password: \nOnce more: \n',
  })
})

t.test('what cannot be done is told in one line, and by the exit status', async (t) => {
  const url = await cloneDatabase(t)
  const users = (...args: string[]) => ['users', ...args]
  for (const [args, status, line, input = 'secret'] of [
    [
      users('create', 'johndoe'),
      4,
      'the name johndoe, one that looks like it, or the address is taken: a name is for good',
    ],
    [users('create', 'client:x'), 2, 'a username does not begin with "client:" and is not empty'],
    [users('create', ''), 2, 'a username does not begin with "client:" and is not empty'],
    [
      users('create', 'a'.repeat(256)),
      2,
      'the username has more than 255 characters, or a control character',
    ],
    [users('create', '..'), 2, 'a username is not made of dots alone: no address can name it'],
    [users('create', 'a\0b'), 2, 'the username has more than 255 characters, or a control character'],
    [
      users('create', 'new', '--email', 'a'.repeat(255)),
      2,
      'the e-mail address has more than 254 characters, or a control character',
    ],
    [users('create', 'new'), 2, 'a password has 1 to 72 bytes of UTF-8 and no NUL', ''],
    [users('create', 'new'), 2, 'a password has 1 to 72 bytes of UTF-8 and no NUL', 'é'.repeat(37)],
    [users('create', 'new'), 2, 'a password has 1 to 72 bytes of UTF-8 and no NUL', 'a\0b'],
    [users('list', '--limit', '0'), 2, 'a limit is a number from 1 to 9999'],
    ...['disable', 'enable', 'delete', 'set-password'].flatMap((verb) => [
      [users(verb, 'nobody'), 3, 'there is no user nobody'],
      [users(verb, 'a\0b'), 3, 'there is no user a\\u{0}b'],
    ]),
    [['tokens', 'revoke'], 2, 'either --user or --client'],
    [['tokens', 'revoke', '--user', 'a', '--client', 'b'], 2, 'either --user or --client'],
    [['tokens', 'revoke', '--user', 'nobody'], 3, 'there is no user nobody'],
    [['tokens', 'revoke', '--user', 'a\0b'], 3, 'there is no user a\\u{0}b'],
  ] as [string[], number, string, string?][])
    t.same(await runCommand(url, args, { input }), { status, stdout: '', stderr: `latchkey: ${line}\n` })
})
