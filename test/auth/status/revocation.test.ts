import t from 'tap'
import { removeDepartures } from '../../../src/database/departures.js'
import { basic, postTo } from '../../conformance/server.js'
import { query } from '../../database/query.js'
import { postToken, startApp, untilConnected } from '../../helpers/app.js'
import { storeClient } from '../../helpers/clients.js'
import { cloneDatabase } from '../../helpers/database.js'
import { cheapHash } from '../../helpers/replicas.js'
import { storeResource, storeRole } from '../../helpers/resources.js'
import { readRevoked, revokeLostScopes } from '../../helpers/status.js'

// Which bits each change sets. Introspection must agree: a bit is set if and only if the token is no longer active, or has lost a
// part of its scope.

const secret = 'the secret of every client'
const url = await cloneDatabase(t)
const app = await startApp(t, { JWT_SECRET: '', REFRESH_TOKEN_GRACE_SECONDS: '30' }, url)
const { database } = app
await storeClient(database, 'introspector', secret, ['me'], ['introspect'])
await storeRole(database, 'admins', ['items:admin'])

interface TokenResponse {
  access_token: string
  refresh_token: string
}

async function request(clientId: string, form: Record<string, string>): Promise<TokenResponse> {
  const response = await postToken(app, form, basic(clientId, secret))
  if (response.statusCode !== 200) throw new Error(`${clientId}: ${response.body}`)
  return response.json<TokenResponse>()
}

/** Everything that the tokens of a case depend on; names end with the number of the case. */
async function enter(number: number) {
  const scopes = [`own${number}`, `role${number}`, `default${number}`]
  const [own = '', ofRole = '', byDefault = ''] = scopes
  const resource = `urn:r${number}`
  for (const clientId of [`client${number}`, `second${number}`])
    await storeClient(database, clientId, secret, [
      'me',
      'items:read',
      'items:admin',
      ...scopes,
      `later${number}`,
    ])
  await storeClient(database, `server${number}`, secret, [])
  await storeResource(database, {
    ...{ name: `r${number}`, identifier: resource, scopes },
    ...{ defaultScopes: [byDefault], servers: [`server${number}`] },
  })
  await storeResource(database, { name: `s${number}`, identifier: `urn:s${number}`, scopes: [] })
  for (const username of [`user${number}`, `other${number}`])
    await database.user.create({
      data: { username, hashedPassword: cheapHash, scopes: username.startsWith('user') ? [own] : [] },
    })
  await storeRole(database, `role${number}`, [ofRole], [`user${number}`])
  await query(url, `INSERT INTO user_roles SELECT id, 'admins' FROM users WHERE username = 'user${number}'`)

  const logIn = (clientId: string, username: string, scope: string, more = {}) =>
    request(`${clientId}${number}`, {
      ...{ grant_type: 'password', username: `${username}${number}`, password: 'secret', scope },
      ...more,
    })
  const forItself = (scope: string, more = {}) =>
    request(`client${number}`, { grant_type: 'client_credentials', scope, ...more })
  const refresh = (refreshToken: string) =>
    request(`client${number}`, { grant_type: 'refresh_token', refresh_token: refreshToken })

  const login = await logIn('client', 'user', 'me items:read')
  const refreshed = await refresh(login.refresh_token)
  const repeated = await refresh(login.refresh_token)
  const tokens = {
    login: login.access_token,
    refreshed: refreshed.access_token,
    repeated: repeated.access_token,
    admin: (await logIn('client', 'user', 'items:admin')).access_token,
    own: (await logIn('client', 'user', own, { resource })).access_token,
    ofRole: (await logIn('client', 'user', ofRole, { resource })).access_token,
    byDefault: (await logIn('client', 'user', byDefault, { resource })).access_token,
    later: (await forItself(`later${number}`)).access_token,
    client: (await forItself('items:read')).access_token,
    clientOwn: (await forItself(own, { resource })).access_token,
    clientRole: (await forItself(ofRole, { resource })).access_token,
    second: (await logIn('second', 'user', 'me')).access_token,
    other: (await logIn('client', 'other', 'me items:read')).access_token,
    otherDefault: (await logIn('client', 'other', byDefault, { resource })).access_token,
  }
  return { tokens, refreshTokens: { first: login.refresh_token, last: refreshed.refresh_token } }
}

type Case = Awaited<ReturnType<typeof enter>>
type Name = keyof Case['tokens']

const ofLogin: Name[] = ['login', 'refreshed', 'repeated']
const ofUser: Name[] = [...ofLogin, 'admin', 'own', 'ofRole', 'byDefault', 'second']
const ofResource: Name[] = ['own', 'ofRole', 'byDefault', 'clientOwn', 'clientRole', 'otherDefault']
const ofUsersAtResource: Name[] = ['own', 'ofRole', 'byDefault', 'otherDefault']
const ofItself: Name[] = ['later', 'client', 'clientOwn', 'clientRole']
const ofClient: Name[] = [
  ...ofLogin,
  ...(['admin', 'own', 'ofRole', 'byDefault', 'other', 'otherDefault'] as const),
  ...ofItself,
]

/** Statements, in which `#` stands for the number of the case, or a function; and the tokens that they end. */
const changes: Record<string, [string[] | ((one: Case, number: number) => Promise<unknown>), Name[]]> = {
  'nothing changes': [[], []],
  'a token is revoked': [({ tokens }, number) => revoke(number, tokens.login), ['login']],
  'the token of a repeated refresh is revoked': [
    ({ tokens }, number) => revoke(number, tokens.repeated),
    ['repeated'],
  ],
  'a token of a client is revoked': [({ tokens }, number) => revoke(number, tokens.client), ['client']],
  'a refresh token is revoked': [({ refreshTokens }, number) => revoke(number, refreshTokens.last), ofLogin],
  'a refresh token is used again late': [
    async ({ refreshTokens }, number) => {
      await query(url, "UPDATE refresh_tokens SET used_at = used_at - interval '1 minute'")
      const form = { grant_type: 'refresh_token', refresh_token: refreshTokens.first }
      await postToken(app, form, basic(`client${number}`, secret))
    },
    ofLogin,
  ],
  'a session is deleted': [
    [
      `DELETE FROM token_families WHERE client_id = 'client#' AND scope = 'me items:read'
        AND user_id = (SELECT id FROM users WHERE username = 'user#')`,
    ],
    ofLogin,
  ],
  'the user is disabled': [["UPDATE users SET disabled = true WHERE username = 'user#'"], ofUser],
  'another password is set': [
    ["UPDATE users SET hashed_password = replace(hashed_password, '$04$', '$05$') WHERE username = 'user#'"],
    ofUser,
  ],
  'all sessions are ended': [
    ["UPDATE users SET generation = generation + 1 WHERE username = 'user#'"],
    ofUser,
  ],
  'the user is renamed': [
    [
      "UPDATE users SET username = 'renamed#' WHERE username = 'user#'",
      "UPDATE users SET username = 'again#' WHERE username = 'other#'",
      "UPDATE users SET username = 'other#x' WHERE username = 'again#'",
    ],
    [...ofUser, 'other', 'otherDefault'],
  ],
  'the user is deleted': [["DELETE FROM users WHERE username = 'user#'"], ofUser],
  'the user must change the password': [
    ["UPDATE users SET password_change_required = true WHERE username = 'user#'"],
    ofUser,
  ],
  'a scope is taken from the user': [["UPDATE users SET scopes = '{}' WHERE username = 'user#'"], ['own']],
  'a role is taken from the user': [["DELETE FROM user_roles WHERE role = 'role#'"], ['ofRole']],
  'another role takes the place of one': [
    ["INSERT INTO roles VALUES ('empty#')", "UPDATE user_roles SET role = 'empty#' WHERE role = 'role#'"],
    ['ofRole'],
  ],
  'a scope is taken from a role': [["DELETE FROM role_scopes WHERE role = 'role#'"], ['ofRole']],
  'a role is deleted': [["DELETE FROM roles WHERE name = 'role#'"], ['ofRole']],
  'a scope that the user has otherwise too is taken from a role': [
    [
      "UPDATE users SET scopes = scopes || 'role#'::varchar WHERE username = 'user#'",
      "DELETE FROM role_scopes WHERE role = 'role#'",
    ],
    [],
  ],
  'a scope is no default any longer': [
    ["UPDATE resource_scopes SET by_default = false WHERE name = 'default#'"],
    ['byDefault', 'otherDefault'],
  ],
  'a scope is deleted': [["DELETE FROM resource_scopes WHERE name = 'role#'"], ['ofRole', 'clientRole']],
  'a scope of users is deleted': [["DELETE FROM resource_scopes WHERE name = 'own#'"], ['own', 'clientOwn']],
  'a scope is moved to another resource': [
    [
      "UPDATE resource_scopes SET resource_id = (SELECT id FROM resources WHERE name = 's#') WHERE name = 'role#'",
    ],
    ['ofRole', 'clientRole'],
  ],
  'a resource defines a scope that only clients had': [
    ["INSERT INTO resource_scopes (name, resource_id) SELECT 'later#', id FROM resources WHERE name = 's#'"],
    ['later'],
  ],
  'a scope is taken from the client': [
    ["UPDATE clients SET scopes = array_remove(scopes, 'role#') WHERE client_id = 'client#'"],
    ['ofRole', 'clientRole'],
  ],
  'the scope me is taken from the client': [
    ["UPDATE clients SET scopes = array_remove(scopes, 'me') WHERE client_id = 'client#'"],
    [...ofLogin, 'other'],
  ],
  'the client is disabled': [["UPDATE clients SET disabled = true WHERE client_id = 'client#'"], ofClient],
  'the tokens of the client are ended': [
    ["UPDATE clients SET generation = generation + 1 WHERE client_id = 'client#'"],
    ofClient,
  ],
  'the client is deleted': [["DELETE FROM clients WHERE client_id = 'client#'"], ofClient],
  'the client has another id': [
    ["UPDATE clients SET client_id = 'renamed#' WHERE client_id = 'client#'"],
    ofClient,
  ],
  'the resource is disabled': [["UPDATE resources SET disabled = true WHERE name = 'r#'"], ofResource],
  'the resource has another identifier': [
    ["UPDATE resources SET identifier = 'urn:another#' WHERE name = 'r#'"],
    ofResource,
  ],
  'the resource knows users by other names': [
    ["UPDATE resources SET subject_type = 'username' WHERE name = 'r#'"],
    ofUsersAtResource,
  ],
  'the resource is deleted': [["DELETE FROM resources WHERE name = 'r#'"], ofResource],
  'the resource has another lifetime of tokens': [
    ["UPDATE resources SET token_ttl_seconds = 7200 WHERE name = 'r#'"],
    [],
  ],
}

async function revoke(number: number, token: string): Promise<void> {
  await postTo(app, '/revoke', { token }, basic(`client${number}`, secret))
}

/** Returns the names of the tokens that are inactive, or have lost a part of their scope. */
async function readEnded(number: number, tokens: Case['tokens']): Promise<string[]> {
  await app.changes.sync()
  const ended: string[] = []
  for (const [name, token] of Object.entries(tokens)) {
    const payload = JSON.parse(String(Buffer.from(String(token.split('.')[1]), 'base64url'))) as {
      scope: string
    }
    const views: Record<string, unknown>[] = []
    for (const clientId of ['introspector', `server${number}`])
      views.push((await postTo(app, '/introspect', { token }, basic(clientId, secret))).json())
    if (!views.some(({ active, scope }) => active && scope === payload.scope)) ended.push(name)
  }
  return ended
}

for (const [index, [what, [change, expected]]] of Object.entries(changes).entries())
  t.test(`the bits that are set when ${what}`, async (t) => {
    const one = await enter(index)
    if (typeof change === 'function') await change(one, index)
    else for (const sql of change) await query(url, sql.replaceAll('#', String(index)))
    await removeDepartures(database)
    await revokeLostScopes(database)
    const revoked = await readRevoked(url, Object.values(one.tokens))
    const names = Object.keys(one.tokens).filter((_, position) => revoked[position])
    t.same(names.sort(), [...expected].sort())
    t.same(names, (await readEnded(index, one.tokens)).sort(), 'as introspection says')
  })

for (const table of [
  ...['token_families', 'refresh_tokens', 'users', 'clients', 'resources'],
  ...['resource_scopes', 'role_scopes', 'user_roles'],
])
  t.test(`all bits are set when ${table} are truncated, and later tokens get other lists`, async (t) => {
    const url = await cloneDatabase(t)
    const app = await startApp(t, { JWT_SECRET: '' }, url)
    await untilConnected(app)
    const form = { grant_type: 'password', username: 'johndoe', password: 'secret', scope: 'me' }
    const before = (await postToken(app, form)).json<TokenResponse>().access_token
    await query(url, `TRUNCATE ${table} CASCADE`)
    t.same(await readRevoked(url, [before]), [true])
    if (table === 'users' || table === 'clients') return
    const after = (await postToken(app, form)).json<TokenResponse>().access_token
    t.same(await readRevoked(url, [after]), [false])
  })

t.test(
  'a revocation without an entry, or of a list that is gone, revokes the token all the same',
  async (t) => {
    const one = await enter(1_000)
    await query(url, 'DELETE FROM status_lists')
    await revoke(1_000, one.tokens.client)
    const ended = await readEnded(1_000, one.tokens)
    t.same(ended, ['client'])
    t.same(await query(url, 'SELECT FROM status_revocations'), [])
  },
)
