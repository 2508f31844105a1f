import { createHash, createHmac, randomBytes } from 'node:crypto'
import type { FastifyInstance } from 'fastify'
import t, { type Test } from 'tap'
import { seed } from '../../prisma/seed.js'
import { nameClaim } from '../../src/users/names/name-digests.js'
import { claimUsernames, reportClaims } from '../../src/users/names/taken-names.js'
import { query } from '../database/query.js'
import { jwtSecret, logIn, startApp } from '../helpers/app.js'
import { as } from '../helpers/client.js'
import { runCommand } from '../helpers/command.js'
import { cloneDatabase } from '../helpers/database.js'
import { beginTransaction, startReplicas, untilWaiting } from '../helpers/replicas.js'
import { until } from '../helpers/wait.js'

const password = 'correct horse'
const hash = `$2b$04$${'a'.repeat(53)}`
const insert = `
  INSERT INTO users (id, username, hashed_password)
  SELECT ('00000000-0000-7000-8000-' || lpad(to_hex($2::int + ordinality), 12, '0'))::uuid, username, '${hash}'
  FROM unnest($1::varchar[]) WITH ORDINALITY AS added (username)`

async function start(t: Test) {
  const url = await cloneDatabase(t)
  const app = await startApp(t, {}, url)
  await app.claimNames()
  return { url, app }
}

function register(app: FastifyInstance, username: string) {
  return as(app, null).post('/users/', { username, password })
}

let added = 0
/** Inserts users without claims in this order, as a previous version did. */
async function addUsers(url: string, ...usernames: string[]): Promise<void> {
  await query(url, insert, [usernames, added])
  added += usernames.length
}

async function exists(url: string, username: string): Promise<boolean> {
  return (await query(url, 'SELECT FROM users WHERE username = $1', [username])).length === 1
}

const removals: [
  who: string,
  remove: (app: FastifyInstance, url: string, username: string) => Promise<unknown>,
][] = [
  [
    'the user',
    async (app, _url, username) =>
      as(app, await logIn(app, username, password)).delete('/users/me/', { password }),
  ],
  [
    'an administrator',
    async (app, url, username) => {
      await runCommand(url, ['users', 'set-scopes', 'johndoe', '--scope', 'users:admin'])
      const token = await logIn(app, 'johndoe', 'secret', 'users:admin')
      return as(app, token).delete(`/users/${username}/`)
    },
  ],
  ['the command line', (_app, url, username) => runCommand(url, ['users', 'delete', username, '--yes'])],
  ['a statement', (_app, url, username) => query(url, 'DELETE FROM users WHERE username = $1', [username])],
  [
    'a renaming',
    (_app, url, username) =>
      query(url, "UPDATE users SET username = 'renamed' WHERE username = $1", [username]),
  ],
]

for (const [who, remove] of removals)
  t.test(`a username given up by ${who} stays taken, as do those that look like it`, async (t) => {
    const { app, url } = await start(t)
    t.equal((await register(app, 'Ella')).statusCode, 202)
    t.ok(await exists(url, 'Ella'))
    const free = await register(app, 'somebody')
    await remove(app, url, 'Ella')
    t.notOk(await exists(url, 'Ella'))
    for (const username of ['Ella', 'ella', 'ELLA', 'еӏӏа']) {
      const taken = await register(app, username)
      t.equal(taken.statusCode, free.statusCode)
      t.equal(taken.body, free.body, 'the response does not reveal it')
      t.notOk(await exists(url, username), username)
    }
    t.match(await runCommand(url, ['users', 'create', 'ELLA'], { input: password }), { status: 4 })
    await register(app, 'newcomer')
    const generation = "SELECT generation FROM users WHERE username = 'newcomer'"
    t.same(await query(url, generation), [{ generation: 0 }], 'a new username has no predecessor')
    t.equal(
      (await query(url, 'SELECT FROM users WHERE name_claim IS NULL AND username <> $1', ['renamed'])).length,
      0,
    )
    t.same(await query(url, 'SELECT FROM former_usernames'), [], 'former usernames cannot be looked up')
    const plain = createHash('sha256').update('Ella').digest()
    t.same(await query(url, 'SELECT FROM taken_names WHERE digest = $1', [plain]), [])
  })

for (const [who, remove] of removals)
  for (const claim of ['claimed', 'unclaimed'])
    t.test(`no later user inherits a token of the ${claim} username given up by ${who}`, async (t) => {
      const { app, url } = await start(t)
      const standing = async () => (await as(app, signElsewhere('Ella')).get('/users/me/')).statusCode
      await register(app, 'Ella')
      if (claim === 'unclaimed') {
        await query(url, 'DELETE FROM taken_names')
        await query(url, 'UPDATE users SET name_claim = NULL')
      }
      t.equal(await standing(), 200)
      await remove(app, url, 'Ella')
      await addUsers(url, 'Ella')
      t.equal(await standing(), 401, 'added by a statement')
      await query(url, "DELETE FROM users WHERE username = 'Ella'")
      await query(url, "UPDATE users SET username = 'Ella', generation = 0 WHERE username = 'alice'")
      t.match(await query(url, "SELECT generation > 0 AS later FROM users WHERE username = 'Ella'"), [
        { later: true },
      ])
    })

t.test('a user who is inserted while the former user is being deleted inherits no token', async (t) => {
  const { app, url } = await start(t)
  await register(app, 'Ella')
  const deletion = await beginTransaction(t, url, "DELETE FROM users WHERE username = 'Ella'")
  const adding = addUsers(url, 'Ella')
  await untilWaiting(url)
  await deletion.query('COMMIT')
  await adding
  t.equal((await as(app, signElsewhere('Ella')).get('/users/me/')).statusCode, 401)
})

t.test('users who are copied to a new database keep tokens that were issued elsewhere', async (t) => {
  const { app, url } = await start(t)
  await addUsers(url, 'ella', 'emma')
  for (const username of ['ella', 'emma', 'johndoe'])
    t.equal((await as(app, signElsewhere(username)).get('/users/me/')).statusCode, 200)
})

/** Returns a token as the tutorial issues it. */
function signElsewhere(sub: string): string {
  const encode = (part: object) => Buffer.from(JSON.stringify(part)).toString('base64url')
  const input = `${encode({ alg: 'HS256', typ: 'JWT' })}.${encode({ sub, exp: Math.floor(Date.now() / 1000) + 600 })}`
  return `${input}.${createHmac('sha256', jwtSecret).update(input).digest('base64url')}`
}

t.test('usernames made to look like an existing one cannot be registered', async (t) => {
  const { app, url } = await start(t)
  for (const [twin, ...attacks] of [
    ['TOMHANKS', 'ТОМНАNКЅ', 'tоmhanks'],
    ['kate', 'κate', 'kаte'],
    ['vivian', 'νίvian', 'νivian'],
    ['ella', 'еӏӏа', 'ЕӀӀА', 'e11а'],
    ['bob', 'bоЬ', 'Ƅob', 'ƅob', 'ᑲob', 'ᏏoᏏ'],
    ['jose', 'ʝose', 'j\u0307ose', 'ϳose', 'јоѕе'],
    ['thor', 'тhor', 'tᏂor', 'thοr'],
    ['hello', 'Ꮒello', 'һello'],
    ['dave', 'Ꮷave', 'ԁave'],
    ['lain', 'Ⲓain', 'ⲓain', 'ǀain'],
    ['iris', 'i\u0307ris', 'ıris', 'ɩris'],
    ['xena', 'ꭓena', 'хena'],
    ['alice', 'ꞌalice', 'ɑlice', 'аӏісе', 'аlice'],
    ['umbra', 'ʋmbra'],
  ] as const) {
    await register(app, twin)
    t.ok(await exists(url, twin), twin)
    for (const attack of attacks) {
      t.match((await register(app, attack)).statusCode, /^(202|422)$/)
      t.notOk(await exists(url, attack), `${attack} beside ${twin}`)
    }
  }
  for (const attack of ['ADМIN', 'RООТ', 'АDМINISТRАТОR', 'SUРРОRТ'])
    t.equal((await register(app, attack)).statusCode, 422, attack)
})

t.test('users keep a username that the current rules refuse', async (t) => {
  const { app, url } = await start(t)
  t.match((await register(app, 'ʝose')).json(), {
    detail: [{ loc: ['body', 'username'], msg: /characters that Unicode recommends for identifiers/ }],
  })
  const create = ['users', 'create', 'ʝose', '--no-change-required']
  t.equal((await runCommand(url, create, { input: password })).status, 2)
  t.equal((await runCommand(url, [...create, '--force'], { input: password })).status, 0)
  const token = await logIn(app, 'ʝose', password)
  t.equal((await as(app, token).patch('/users/me/', { full_name: 'José' })).statusCode, 200)
})

t.test('a username given up before it was claimed stays taken by its spelling', async (t) => {
  const { app, url } = await start(t)
  await addUsers(url, 'Ella', 'emma')
  await query(url, "DELETE FROM users WHERE username = 'Ella'")
  await query(url, "UPDATE users SET username = 'emily' WHERE username = 'emma'")
  for (const username of ['Ella', 'emma']) {
    t.equal((await register(app, username)).statusCode, 202)
    t.notOk(await exists(url, username))
    t.equal((await runCommand(url, ['users', 'create', username], { input: password })).status, 4)
  }
  t.same(await claimUsernames(app.database, await app.readMacKey()), [])
})

t.test('a refused registration claims nothing', async (t) => {
  const { app, url } = await start(t)
  const count = async () => (await query(url, 'SELECT FROM taken_names')).length
  const before = await count()
  const options = ['--email', 'johndoe@example.com']
  t.equal((await runCommand(url, ['users', 'create', 'ella', ...options], { input: password })).status, 4)
  t.equal((await register(app, 'аӏісе')).statusCode, 202)
  t.equal(await count(), before)
  t.equal((await runCommand(url, ['users', 'create', 'ella'], { input: password })).status, 0)
})

t.test('the service claims the usernames of existing users, the earliest first', async (t) => {
  const url = await cloneDatabase(t)
  await addUsers(url, 'еӏӏа', 'ella', 'user10', 'userlo', 'іо', 'io', 'соре', 'ϲоре')
  await addUsers(url, ...Array.from({ length: 1_200 }, (_, index) => `user-${index}`))
  const app = await startApp(t, {}, url)
  await app.claimNames()
  const { alike, lost } = await reportClaims(app.database, await app.readMacKey())
  t.same(alike, ['ella', 'io', 'ϲоре'])
  t.equal(lost, 0)
  t.equal(await app.database.user.count({ where: { nameClaim: null } }), 0)
  t.same(await claimUsernames(app.database, await app.readMacKey()), [], 'they are returned once')
  for (const username of ['ella', 'іо', 'user-1199'])
    t.match(await query(url, 'DELETE FROM users WHERE username = $1 RETURNING username', [username]), [
      { username },
    ])
  for (const username of ['ella', 'user-1199', 'USER-1199', 'io', 'ІО', 'іо']) {
    await query(url, 'DELETE FROM users WHERE username = $1', [username])
    await register(app, username)
    t.notOk(await exists(url, username), username)
  }
})

t.test('usernames inserted by a process of the previous version are claimed later', async (t) => {
  const { app, url } = await start(t)
  for (const username of ['ella', 'emma']) await register(app, username)
  await query(url, "DELETE FROM users WHERE username = 'emma'")
  await addUsers(url, 'еӏӏа', 'emma', 'emily')
  const macKey = await app.readMacKey()
  t.same(await claimUsernames(app.database, macKey, 'missing'), ['еӏӏа', 'emma'])
  await query(url, "UPDATE users SET name_claim = 'of another key'")
  t.same(await claimUsernames(app.database, macKey, 'missing'), [], 'claims with another key are left alone')
})

t.test('with another MAC key, existing usernames are claimed again and former ones are lost', async (t) => {
  const { app, url } = await start(t)
  const other = randomBytes(32)
  await register(app, 'ella')
  await register(app, 'emma')
  await query(url, "DELETE FROM users WHERE username = 'ella'")
  t.same(await claimUsernames(app.database, other), [])
  t.same(await reportClaims(app.database, other), { alike: [], lost: 1 })
  const rows = 'SELECT count(DISTINCT mac_key_id)::int AS keys FROM taken_names WHERE user_id IS NOT NULL'
  t.same(await query(url, rows), [{ keys: 1 }])
  t.same(await seed(app.database, other), ['johndoe', 'alice'])
})

t.test(
  'when the MAC key is replaced while the service runs, usernames are claimed with the new one',
  async (t) => {
    const { app, url } = await start(t)
    await register(app, 'ella')
    const former = await app.readMacKey()
    await query(url, 'DELETE FROM mac_keys')
    await app.changes.sync()
    const macKey = await app.readMacKey()
    t.notSame(macKey, former)
    await register(app, 'emma')
    t.same(await app.claimNames(), macKey)
    const claims = await query(url, 'SELECT DISTINCT name_claim FROM users')
    t.same(claims, [{ name_claim: nameClaim(macKey) }], 'those of existing users too')
    await register(app, 'ELLA')
    t.notOk(await exists(url, 'ELLA'))
  },
)

t.test('one of several concurrent registrations that look alike succeeds across processes', async (t) => {
  const { one, other, url } = await startReplicas(t)
  for (const names of [
    ['ella', 'еӏӏа', 'Ella', 'ЕӀӀА'],
    ['соре', 'cope', 'СОРЕ', 'COPE'],
    ['ΒΟΒ', 'bob', 'BOB'],
  ]) {
    const before = (await query(url, 'SELECT FROM users')).length
    const answers = await Promise.all(
      names.flatMap((username) =>
        [one, other].map(({ origin }) =>
          fetch(`${origin}/users/`, {
            method: 'POST',
            headers: { 'content-type': 'application/json' },
            body: JSON.stringify({ username, password }),
          }),
        ),
      ),
    )
    t.same(new Set(answers.map(({ status }) => status)), new Set([202]))
    t.equal((await query(url, 'SELECT FROM users')).length, before + 1, names.join(' '))
  }
  const both = ['user10', 'userlo', 'USERl0']
  await Promise.all(
    both.map((username) =>
      fetch(`${one.origin}/users/`, {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify({ username, password }),
      }),
    ),
  )
  for (const username of both.slice(0, 2))
    t.ok(await exists(url, username), 'ASCII usernames are told apart by their spelling')
})

t.test('usernames that look like earlier ones are logged at the start', async (t) => {
  const url = await cloneDatabase(t)
  await addUsers(url, 'ella', 'еӏӏа')
  const lines: string[] = []
  const app = await startApp(t, {}, url)
  app.log.warn = (...line: unknown[]) => void lines.push(JSON.stringify(line))
  await app.claimNames()
  await until(async () => lines.length > 0)
  t.match(lines[0], /"count":1,"usernames":\["еӏӏа"\]/)
})
