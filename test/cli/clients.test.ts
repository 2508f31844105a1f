import type { FastifyInstance } from 'fastify'
import t from 'tap'
import { postToken, startApp } from '../helpers/app.js'
import { runCommand } from '../helpers/command.js'
import { cloneDatabase } from '../helpers/database.js'

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
      'b',
    ])
    t.equal(created.status, 0, created.stderr)
    const first = /client_secret +(lks_[\w-]{43})\n/.exec(created.stdout)?.[1] ?? ''
    t.match((await runCommand(url, ['clients', 'list'])).stdout, /\/never-used\n/)
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
  t.match(await set('--right', 'introspect', 'introspect'), { status: 0, stdout: 'api has introspect.\n' })
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
  t.match(await runCommand(url, ['clients', 'delete', 'reports']), { stdout: 'Deleted reports.\n' })
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
    [create('x', '--scope', 'a"b'), 2, /^latchkey: a scope must consist of printable/],
    [
      create('x', '--scope', ...manyScopes),
      2,
      /^latchkey: all scopes together must have at most 4096 characters\n$/,
    ],
    [create('x', '--public', '--right', 'introspect'), 2, /^latchkey: a public client cannot have rights\n$/],
    [create('x', '--right', 'root'), 2, /^error: option '--right <rights...>' argument 'root' is invalid/],
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
      /^error: option '--grant <grants...>' argument 'implicit' is invalid/,
    ],
    [['clients', 'create', 'x'], 2, /^error: required option '--name <name>' not specified/],
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
