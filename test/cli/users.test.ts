import bcrypt from 'bcrypt'
import type { FastifyInstance } from 'fastify'
import t from 'tap'
import { logIn, postToken, startApp } from '../helpers/app.js'
import { as } from '../helpers/client.js'
import { runCommand } from '../helpers/command.js'
import { cloneDatabase } from '../helpers/database.js'

const password = 'correct horse'

interface Tokens {
  access_token: string
  refresh_token: string
}

const refresh = (app: FastifyInstance, refresh_token: string) =>
  postToken(app, { grant_type: 'refresh_token', refresh_token })

t.test('users are created, listed and deleted', async (t) => {
  const url = await cloneDatabase(t)
  const app = await startApp(t, {}, url)
  const options = ['--email', 'bob@example.com', '--full-name', 'Bob Builder', '--no-change-required']
  const created = await runCommand(url, ['users', 'create', 'bob', ...options], {
    input: 'pass word \nmore\n',
  })
  t.same(created, { status: 0, stdout: 'Created bob.\n', stderr: '' })
  const login = await postToken(app, { username: 'bob', password: 'pass word ' })
  t.equal(login.statusCode, 200, 'the password is the first line, as it is')
  const { hashedPassword } = await app.database.user.findUniqueOrThrow({ where: { username: 'bob' } })
  t.equal(bcrypt.getRounds(hashedPassword), 4)

  const json = await runCommand(url, ['users', 'create', 'eve', '--disabled', '--json'], { input: password })
  t.same(JSON.parse(json.stdout), {
    username: 'eve',
    email: null,
    full_name: null,
    disabled: true,
    password_change_required: true,
    scopes: [],
    roles: [],
    password: null,
  })
  const listed = await runCommand(url, ['users', 'list'])
  t.match(
    listed.stdout,
    /^username +email +email_verified +full_name +disabled +scopes +roles +created_at\nalice +alice@example\.com +true +Alice Wonderson +true +- +- +20/,
  )
  t.notMatch(listed.stdout, '$2b$')
  const page = await runCommand(url, ['users', 'list', '--json', '--limit', '2', '--after', 'alice'])
  t.match(JSON.parse(page.stdout), [
    { username: 'bob', full_name: 'Bob Builder', disabled: false },
    { username: 'eve', email: null },
  ])

  t.match(await runCommand(url, ['users', 'delete', 'bob', '--yes']), { status: 0, stdout: 'Deleted bob.\n' })
  t.equal((await as(app, login.json<Tokens>().access_token).get('/users/me/')).statusCode, 401)
})

t.test('a disabled user loses their tokens, and does not get them back with their name', async (t) => {
  const url = await cloneDatabase(t)
  const app = await startApp(t, {}, url)
  const tokens = (await postToken(app, { username: 'johndoe', password: 'secret' })).json<Tokens>()
  t.match(await runCommand(url, ['users', 'disable', 'johndoe']), {
    status: 0,
    stdout: 'johndoe is disabled.\n',
  })
  t.same((await as(app, tokens.access_token).get('/users/me/')).json(), { detail: 'Inactive user' })
  t.equal((await refresh(app, tokens.refresh_token)).json<{ error: string }>().error, 'invalid_grant')
  t.match(await runCommand(url, ['users', 'enable', 'johndoe', '--json']), { status: 0 })
  t.equal((await refresh(app, tokens.refresh_token)).statusCode, 400)
  t.equal((await as(app, tokens.access_token).get('/users/me/')).statusCode, 401)
})

t.test('users become administrators, and cease to be, except for the last one', async (t) => {
  const url = await cloneDatabase(t)
  const app = await startApp(t, {}, url)
  const askForScope = async () =>
    (
      await postToken(app, {
        grant_type: 'password',
        username: 'johndoe',
        password: 'secret',
        scope: 'users:admin',
      })
    ).json<object>()
  t.match(await askForScope(), { error: 'invalid_scope' })
  const scopes = ['--scope', 'users:admin items:admin']
  t.match(await runCommand(url, ['users', 'set-scopes', 'johndoe', ...scopes]), {
    status: 0,
    stdout: 'johndoe has users:admin items:admin.\n',
  })
  t.match(await askForScope(), { token_type: 'bearer' })
  for (const [change, scopes] of [
    [['--remove', 'items:admin'], 'users:admin'],
    [['--add', 'items:admin'], 'items:admin users:admin'],
    [['--add', 'items:admin'], 'items:admin users:admin'],
    [['--add', 'items:admin', '--remove', 'items:admin'], 'users:admin'],
  ] as const)
    t.match(await runCommand(url, ['users', 'set-scopes', 'johndoe', ...change]), {
      status: 0,
      stdout: `johndoe has ${scopes}.\n`,
    })
  for (const [change, status] of [
    [['johndoe', '--remove', 'users:admin'], 4],
    [['nobody', '--add', 'users:admin'], 3],
    [['\0', '--add', 'users:admin'], 3],
    [['johndoe', '--add', 'users:admin', '--scope', 'users:admin'], 2],
    [['johndoe', '--remove', 'user:admin'], 2],
  ] as const)
    t.match(await runCommand(url, ['users', 'set-scopes', ...change]), { status }, change.join(' '))
  t.match(await runCommand(url, ['users', 'set-scopes', 'johndoe', '--scope', '']), { status: 4 })
  await runCommand(url, ['users', 'create', 'bob'], { input: 'correct horse' })
  await runCommand(url, ['users', 'set-scopes', 'bob', '--scope', 'users:admin'])
  t.match(await runCommand(url, ['users', 'set-scopes', 'johndoe', '--scope', '']), {
    status: 0,
    stdout: 'johndoe has no additional scopes.\n',
  })
  t.match(await askForScope(), { error: 'invalid_scope' })
})

t.test('a password among the arguments is refused with the ways to give it, and not repeated', async (t) => {
  for (const [name, ...argument] of [
    ['create', '--password', 'hunter22'],
    ['create', '--password=hunter22'],
    ['set-password', '--password', 'hunter22', '--generate-password'],
    ['set-password', '--password'],
  ] as const) {
    const outcome = await runCommand('', ['users', String(name), 'johndoe', ...argument])
    t.match(outcome, { status: 2, stdout: '', stderr: /^latchkey: .*standard input.*--password-file.*\n$/ })
    t.notMatch(outcome.stderr, /hunter22/)
  }
  t.notMatch((await runCommand('', ['users', 'create', '--help'])).stdout, '--password ')
})

t.test('a new password ends all tokens', async (t) => {
  const url = await cloneDatabase(t)
  const app = await startApp(t, {}, url)
  const tokens = (await postToken(app, { username: 'johndoe', password: 'secret' })).json<Tokens>()
  const outcome = await runCommand(url, ['users', 'set-password', 'johndoe'], { input: `${password}\r\n` })
  t.same(outcome, { status: 0, stdout: 'johndoe has a new password.\n', stderr: '' })
  t.equal((await refresh(app, tokens.refresh_token)).statusCode, 400)
  t.equal((await as(app, tokens.access_token).get('/users/me/')).statusCode, 401)
  t.equal((await postToken(app, { username: 'johndoe', password: 'secret' })).statusCode, 401)
  t.equal((await postToken(app, { username: 'johndoe', password })).statusCode, 200)
})

t.test(
  'a password that an operator sets must be changed, unless --no-change-required is given',
  async (t) => {
    const url = await cloneDatabase(t)
    const app = await startApp(t, {}, url)
    const forced = { detail: 'A new password is required' }
    for (const [args, username] of [
      [['users', 'create', 'bob'], 'bob'],
      [['users', 'set-password', 'johndoe'], 'johndoe'],
    ] as const) {
      t.equal((await runCommand(url, [...args], { input: password })).status, 0)
      const token = await logIn(app, username, password)
      t.same((await as(app, token).get('/users/me/')).json(), forced)
      const change = { old_password: password, new_password: `${password} anew` }
      t.equal((await as(app, token).put('/users/me/password', change)).statusCode, 204)
      t.equal(
        (await as(app, await logIn(app, username, `${password} anew`)).get('/users/me/')).statusCode,
        200,
      )
    }
    const kept = ['users', 'set-password', 'johndoe', '--no-change-required', '--json']
    const { stdout } = await runCommand(url, kept, { input: password })
    t.same(JSON.parse(stdout), { username: 'johndoe', password_change_required: false, password: null })
    t.equal((await as(app, await logIn(app, 'johndoe', password)).get('/users/me/')).statusCode, 200)
  },
)

t.test('the rules of the API apply to operators, who can override them', async (t) => {
  const url = await cloneDatabase(t)
  const create = (...args: string[]) => ['users', 'create', ...args]
  const setPassword = ['users', 'set-password', 'johndoe']
  for (const [args, problem, input = password] of [
    [
      create('al'),
      'username must have 3 to 64 letters and digits, with dots, underscores and hyphens only between them',
    ],
    [
      create('a'.repeat(65)),
      'username must have 3 to 64 letters and digits, with dots, underscores and hyphens only between them',
    ],
    [
      create('.hidden'),
      'username must have 3 to 64 letters and digits, with dots, underscores and hyphens only between them',
    ],
    [
      create('bob the builder'),
      'username must have 3 to 64 letters and digits, with dots, underscores and hyphens only between them',
    ],
    [
      create('trailing.'),
      'username must have 3 to 64 letters and digits, with dots, underscores and hyphens only between them',
    ],
    [create('janedoe', '--email', 'jane@localhost'), 'e-mail address is not valid'],
    [create('admin'), 'username is reserved'],
    [create('ﬁnn'), 'username must be in Unicode normalization form C, without compatibility characters'],
    [create('ʝose'), 'username must have only characters that Unicode recommends for identifiers'],
    [create('bob1', '--email', 'bob'), 'e-mail address is not valid'],
    [create('bob2'), 'password must have at least 8 characters', 'a'],
    [create('bob3'), 'password is too common', 'password1'],
    [create('bob-the-builder'), 'password must not be the username or the e-mail address', 'bob-the-builder'],
    [
      create('bob4', '--email', 'builder-bob@example.com'),
      'password must not be the username or the e-mail address',
      'builder-bob',
    ],
    [setPassword, 'password must have at least 8 characters', 'a'],
    [setPassword, 'password is too common', 'iloveyou'],
    [setPassword, 'password must not be the username or the e-mail address', 'johndoe@example.com'],
  ] as [string[], string, string?][]) {
    t.same(
      await runCommand(url, args, { input }),
      { status: 2, stdout: '', stderr: `latchkey: the ${problem}; --force overrides this\n` },
      args.join(' '),
    )
    const forced = await runCommand(url, [...args, '--force'], { input })
    t.match(forced, { status: 0, stderr: `latchkey: warning: the ${problem}\n` }, args.join(' '))
    if (args[1] === 'create') await runCommand(url, ['users', 'delete', String(args[2]), '--yes'])
  }
  for (const input of ['', 'a\0b', 'é'.repeat(37)])
    t.match(await runCommand(url, [...setPassword, '--force'], { input }), { status: 2, stdout: '' })
})

t.test('tokens of a user are revoked', async (t) => {
  const url = await cloneDatabase(t)
  const app = await startApp(t, {}, url)
  const tokens = (await postToken(app, { username: 'johndoe', password: 'secret' })).json<Tokens>()
  const outcome = await runCommand(url, ['tokens', 'revoke', '--user', 'johndoe'])
  t.same(outcome, { status: 0, stdout: 'All tokens of johndoe are revoked.\n', stderr: '' })
  t.equal((await as(app, tokens.access_token).get('/users/me/')).statusCode, 401)
  t.equal((await refresh(app, tokens.refresh_token)).statusCode, 400)
  t.equal((await postToken(app, { username: 'johndoe', password: 'secret' })).statusCode, 200)
})

t.test('a terminal is prompted for the password twice, without echo', async (t) => {
  const url = await cloneDatabase(t)
  const ask = (input: string) => runCommand(url, ['users', 'create', 'bob'], { input, isTTY: true })
  t.match(await ask('secret\nsecret\n'), {
    status: 2,
    stderr: /^Password: \nlatchkey: the password must have/,
  })
  t.same(await ask(`${password}\n${password}s\n`), {
    status: 2,
    stdout: '',
    stderr: 'Password: \nRepeat password: \nlatchkey: the passwords do not match\n',
  })
  t.match(await ask('sec\x03'), { status: 130, stdout: '', stderr: 'Password: \n' }, 'Ctrl-C')
  t.same(await ask(`${password}\n${password}\n`), {
    status: 0,
    stdout: 'Created bob.\n',
    stderr: 'Password: \nRepeat password: \n',
  })
})

t.test('what cannot be done is explained in one line and by the exit status', async (t) => {
  const url = await cloneDatabase(t)
  const users = (...args: string[]) => ['users', ...args]
  for (const [args, status, line, input = password] of [
    [
      users('create', 'johndoe'),
      4,
      'the username johndoe, one that looks like it, or the e-mail address is taken; a username is never reassigned',
    ],
    [users('create', 'client:x'), 2, 'a username must not begin with "client:"'],
    [users('create', ''), 2, 'a username must not be empty'],
    [users('create', 'a/b', '--force'), 2, 'a username must not have a slash, since no URL can name it'],
    [users('create', 'bob ', '--force'), 2, 'a username must not have spaces at its ends, or two in a row'],
    [
      users('create', 'Me', '--force'),
      2,
      'a username must not be "me" or consist of dots only, since no URL can name it',
    ],
    [
      users('create', 'new', '--scope', 'users:adm', '--password-file', '/absent'),
      2,
      'there is no scope users:adm: users can have users:admin, items:admin, and the scopes in latchkey resources list',
    ],
    [
      users('set-scopes', 'johndoe'),
      2,
      "--add, --remove or --scope is missing; --scope '' removes all scopes",
    ],
    [
      users('create', 'a'.repeat(256)),
      2,
      'the username must have at most 255 characters and no control characters',
    ],
    [
      users('create', '..'),
      2,
      'a username must not be "me" or consist of dots only, since no URL can name it',
    ],
    [users('create', 'a\0b'), 2, 'the username must have at most 255 characters and no control characters'],
    [
      users('create', 'new', '--email', 'a'.repeat(255)),
      2,
      'the e-mail address must have at most 254 characters and no control characters',
    ],
    [users('create', 'new'), 2, 'standard input has ended, and a password is needed', ''],
    [users('create', 'new'), 2, 'a password must have 1 to 72 bytes of UTF-8 and no NUL', 'é'.repeat(37)],
    [users('create', 'new'), 2, 'a password must have 1 to 72 bytes of UTF-8 and no NUL', 'a\0b'],
    [users('list', '--limit', '0'), 2, 'a limit must be an integer from 1 to 9999'],
    ...['disable', 'enable', 'delete', 'set-password'].flatMap((verb) => [
      [users(verb, 'nobody'), 3, 'there is no user nobody'],
      [users(verb, 'a\0b'), 3, 'there is no user a\\u{0}b'],
    ]),
    [['tokens', 'revoke'], 2, 'specify either --user, --client or --all'],
    [['tokens', 'revoke', '--user', 'a', '--client', 'b'], 2, 'specify either --user, --client or --all'],
    [['tokens', 'revoke', '--user', 'nobody'], 3, 'there is no user nobody'],
    [['tokens', 'revoke', '--user', 'a\0b'], 3, 'there is no user a\\u{0}b'],
  ] as [string[], number, string, string?][])
    t.same(await runCommand(url, args, { input }), { status, stdout: '', stderr: `latchkey: ${line}\n` })
})

t.test('a password that is not UTF-8 is refused', async (t) => {
  const url = await cloneDatabase(t)
  const input = Buffer.from([0x63, 0x6f, 0x72, 0x72, 0x65, 0x63, 0x74, 0xff, 0x68, 0x6f, 0x72, 0x73, 0x65])
  const created = await runCommand(url, ['users', 'create', 'bob'], { input })
  t.match(created, { status: 2, stderr: /not valid UTF-8/ })
})
