import bcrypt from 'bcrypt'
import type pg from 'pg'
import t from 'tap'
import { query } from '../database/query.js'
import {
  type Answer,
  askWho,
  beginTransaction,
  createUser,
  logIn,
  postForm,
  refresh,
  refusesAll,
  startReplica,
  startReplicas,
  tokensOf,
  untilWaiting,
} from '../helpers/replicas.js'

const replicas = await startReplicas(t, { REFRESH_TOKEN_GRACE_SECONDS: '60' }, undefined, 'src/server.ts')
const { one, other, url } = replicas
/** A replica that rehashes at each login, which writes between the password check and the start of a family. */
const costlier = await startReplica(t, url, { BCRYPT_COST: '5' })
const nextHash = await bcrypt.hash('changed', 4)

/** Changes that end all tokens of a user; `lasting` if later logins fail too. */
const endings = [
  { name: 'a password change', sets: [`hashed_password = '${nextHash}'`], lasting: true },
  { name: 'a disabling', sets: ['disabled = true'], lasting: true },
  { name: 'a disabling that is taken back', sets: ['disabled = true', 'disabled = false'], lasting: false },
  { name: 'a deletion', sets: [], lasting: true },
]

const wrongPassword = {
  status: 401,
  body: { error: 'invalid_grant', detail: 'Incorrect username or password' },
}

for (const { name, sets, lasting } of endings) {
  t.test(`a login that waits for ${name} is decided anew`, async (t) => {
    const username = await createUser(url)
    const earlier = await logIn(one, username)
    const change = await beginTransaction(t, url)
    await endUser(change, sets, username)
    const loggingIn = [logIn(one, username), logIn(other, username)]
    await untilWaiting(url, 2)
    await change.query('COMMIT')
    const answers: Answer[] = await Promise.all(loggingIn)
    for (const { status, body } of answers)
      t.match({ status, body }, lasting ? wrongPassword : { status: 200 })
    await refusesAll(t, replicas, [earlier], 'the earlier login')
  })

  t.test(`tokens of a login that ${name} waits for are ended by it`, async (t) => {
    const username = await createUser(url)
    const blocker = await beginTransaction(
      t,
      url,
      "SELECT FROM clients WHERE client_id = 'first-party' FOR UPDATE",
    )
    const loggingIn = logIn(one, username)
    await untilWaiting(url)
    const change = await beginTransaction(t, url)
    const changing = endUser(change, sets, username).then(() => change.query('COMMIT'))
    await untilWaiting(url, 2)
    await blocker.query('COMMIT')
    const tokens = await loggingIn
    t.equal(tokens.status, 200)
    await changing
    await refusesAll(t, replicas, [tokens], name)
  })

  t.test(`a refresh that ${name} overtakes yields no valid token`, async (t) => {
    const username = await createUser(url)
    const earlier = await logIn(one, username)
    const blocker = await beginTransaction(
      t,
      url,
      `SELECT FROM token_families AS family JOIN users ON users.id = user_id
       WHERE username = '${username}' FOR UPDATE OF family`,
    )
    const refreshing = refresh(other, earlier.refresh_token)
    await untilWaiting(url)
    await endUser(blocker, sets, username)
    await blocker.query('COMMIT')
    const late = await refreshing
    t.ok(late.status < 500, `answered ${late.status}`)
    await refusesAll(t, replicas, [earlier, ...tokensOf([late])], name)
  })

  if (lasting)
    t.test(`${name} amid logins and refreshes leaves no valid token`, async (t) => {
      const username = await createUser(url)
      const earlier = [await logIn(one, username), await logIn(other, username)]
      const traffic = earlier.flatMap(({ refresh_token }) =>
        [one, other, one, other].flatMap((service) => [
          logIn(service, username),
          refresh(service, refresh_token),
          logIn(service, username),
        ]),
      )
      const change = await beginTransaction(t, url)
      await endUser(change, sets, username)
      await change.query('COMMIT')
      const answers: Answer[] = await Promise.all(traffic)
      t.same(
        answers.filter(({ status }) => status >= 500),
        [],
      )
      await refusesAll(t, replicas, [...earlier, ...tokensOf(answers)], name)
    })
}

const grantable = "'{me,items:read,items:write,users:admin}'"
const invalidScope = { status: 400, body: { error: 'invalid_scope' } }
const invalidClient = { status: 401, body: { error: 'invalid_client' } }

/** Facts that a login depends on, and the outcome of a login for `scope` during which they change. */
const decisions = [
  {
    of: 'users',
    set: 'password_change_required = true',
    scope: 'me users:admin',
    outcome: { status: 200, body: { scope: 'account:password', refresh_token: undefined } },
  },
  { of: 'users', set: "scopes = '{}'", scope: 'users:admin', outcome: invalidScope },
  { of: 'users', set: "scopes = '{items:admin}'", scope: 'me', outcome: { status: 200, body: {} } },
  { of: 'users', set: 'disabled = true', scope: 'me', outcome: wrongPassword },
  { of: 'users', set: 'generation = generation + 1', scope: 'me', outcome: { status: 200, body: {} } },
  { of: 'users', set: "username = username || '-renamed'", scope: 'me', outcome: wrongPassword },
  { of: 'clients', set: "scopes = '{me}'", scope: 'me items:read', outcome: invalidScope },
  {
    of: 'clients',
    set: "scopes = '{me}'",
    scope: '',
    outcome: { status: 200, body: { scope: 'me', refresh_token: String } },
  },
  {
    of: 'clients',
    set: "grants = '{password}'",
    scope: 'me',
    outcome: { status: 200, body: { refresh_token: undefined } },
  },
  { of: 'clients', set: "grants = '{refresh_token}'", scope: 'me', outcome: invalidClient },
  { of: 'clients', set: 'disabled = true', scope: 'me', outcome: invalidClient },
  { of: 'clients', set: 'generation = generation + 1', scope: 'me', outcome: { status: 200, body: {} } },
  { of: 'clients', set: '', scope: 'me', outcome: invalidClient },
]

for (const { of, set, scope, outcome } of decisions)
  t.test(`a login depends on the current ${of}: ${set || 'deleted'}, ${scope || 'no scope'}`, async (t) => {
    const username = await createUser(url)
    const clientId = username.slice(0, 20)
    await query(url, `UPDATE users SET scopes = '{users:admin}' WHERE username = '${username}'`)
    await query(
      url,
      `INSERT INTO clients (client_id, name, confidential, grants, scopes)
       VALUES ('${clientId}', 'Racer', false, '{password,refresh_token}', ${grantable})`,
    )
    const key = of === 'users' ? `username = '${username}'` : `client_id = '${clientId}'`
    const change = await beginTransaction(
      t,
      url,
      `SELECT FROM users WHERE username = '${username}' FOR UPDATE`,
    )
    const loggingIn = postForm(one, '/token', {
      ...{ grant_type: 'password', client_id: clientId, username, password: 'secret' },
      ...(scope && { scope }),
    })
    await untilWaiting(url)
    await change.query(set ? `UPDATE ${of} SET ${set} WHERE ${key}` : `DELETE FROM ${of} WHERE ${key}`)
    await change.query('COMMIT')
    const { status, body } = await loggingIn
    t.match({ status, body: { scope: undefined, refresh_token: undefined, ...body } }, outcome)
  })

t.test('a client that is disabled and enabled amid logins keeps no token from before', async (t) => {
  const username = await createUser(url)
  await query(
    url,
    `INSERT INTO clients (client_id, name, confidential, grants, scopes)
     VALUES ('spa', 'Single page', false, '{password,refresh_token}', '{me}')`,
  )
  const login = { grant_type: 'password', client_id: 'spa', username, password: 'secret' }
  const earlier = await postForm(one, '/token', login)
  const blocker = await beginTransaction(
    t,
    url,
    `SELECT FROM users WHERE username = '${username}' FOR UPDATE`,
  )
  const loggingIn = postForm(costlier, '/token', login)
  await untilWaiting(url)
  for (const set of ['disabled = true, generation = generation + 1', 'disabled = false'])
    await query(url, `UPDATE clients SET ${set} WHERE client_id = 'spa'`)
  await blocker.query('COMMIT')
  t.equal((await loggingIn).status, 200)
  await refusesAll(t, replicas, tokensOf([earlier]), 'issued before the client was disabled')
})

t.test('a rehash does not overwrite a password that changed meanwhile', async (t) => {
  const username = await createUser(url)
  const change = await beginTransaction(t, url)
  await endUser(change, [`hashed_password = '${nextHash}'`], username)
  const loggingIn = logIn(costlier, username)
  await untilWaiting(url)
  await change.query('COMMIT')
  t.equal((await loggingIn).status, 401)
  t.equal((await logIn(other, username, 'changed')).status, 200)
})

t.test('a rehash ends no token', async (t) => {
  const username = await createUser(url)
  const earlier = await logIn(one, username)
  const answers = await Promise.all(Array.from({ length: 8 }, () => logIn(costlier, username)))
  t.same(
    answers.map(({ status }) => status),
    Array(8).fill(200),
  )
  for (const { access_token } of [earlier, ...answers])
    t.equal((await askWho(other, access_token)).status, 200)
  t.equal((await refresh(other, earlier.refresh_token)).status, 200)
})

t.test('a lock that is held for too long is a 503', async (t) => {
  const username = await createUser(url)
  const holder = await beginTransaction(t, url, `SELECT FROM users WHERE username = '${username}' FOR UPDATE`)
  const late = await logIn(one, username)
  t.equal(late.status, 503)
  t.match(late.body, { error: 'temporarily_unavailable' })
  await holder.query('COMMIT')
  t.equal((await logIn(one, username)).status, 200)
})

/** Makes changes one after the other, as a single person would; without changes, deletes the user. */
async function endUser(connection: pg.Client, sets: string[], username: string): Promise<void> {
  const statements = sets.map((set) => `UPDATE users SET ${set} WHERE username = $1`)
  for (const statement of statements.length > 0 ? statements : ['DELETE FROM users WHERE username = $1'])
    await connection.query(statement, [username])
}
