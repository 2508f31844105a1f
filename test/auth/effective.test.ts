import type { FastifyInstance } from 'fastify'
import t from 'tap'
import {
  type ClientFacts,
  type Effective,
  effective,
  effectiveAtIssue,
  type Facts,
  type UserFacts,
  visibleScope,
} from '../../src/auth/effective.js'
import { includesScope } from '../../src/auth/scope.js'
import { basic, decode } from '../conformance/server.js'
import { query } from '../database/query.js'
import { jwtSecret, postToken, startApp } from '../helpers/app.js'
import { as } from '../helpers/client.js'
import { storeClient } from '../helpers/clients.js'
import { cloneDatabase } from '../helpers/database.js'
import { cheapHash } from '../helpers/replicas.js'

/** A state of a user or a client after the tokens were issued: the SQL that leads to it, and the stored facts. */
interface State<Stored> {
  sql: string[]
  stored: Stored | null
}

const user: UserFacts = {
  disabled: false,
  generation: 0,
  passwordChangeRequired: false,
  scopes: ['items:admin'],
}
const set = (assignments: string) => `UPDATE users SET ${assignments} WHERE username = $1`
const userStates: Record<string, State<UserFacts>> = {
  ok: { sql: [], stored: user },
  disabled: { sql: [set('disabled = true')], stored: { ...user, disabled: true, generation: 1 } },
  'enabled again': {
    sql: [set('disabled = true'), set('disabled = false')],
    stored: { ...user, generation: 1 },
  },
  deleted: { sql: ['DELETE FROM users WHERE username = $1'], stored: null },
  'must change the password': {
    sql: [set('password_change_required = true')],
    stored: { ...user, passwordChangeRequired: true },
  },
  'scope taken': { sql: [set("scopes = '{}'")], stored: { ...user, scopes: [] } },
}

const client: ClientFacts = {
  disabled: false,
  generation: 0,
  scopes: ['me', 'items:read', 'items:admin', 'orders:read'],
}
const setClient = (assignments: string) => `UPDATE clients SET ${assignments} WHERE client_id = $1`
const clientStates: Record<string, State<ClientFacts>> = {
  ok: { sql: [], stored: client },
  disabled: {
    sql: [setClient('disabled = true, generation = generation + 1')],
    stored: { ...client, disabled: true, generation: 1 },
  },
  'enabled again': {
    sql: [setClient('disabled = true, generation = generation + 1'), setClient('disabled = false')],
    stored: { ...client, generation: 1 },
  },
  deleted: { sql: ['DELETE FROM clients WHERE client_id = $1'], stored: null },
  'scope taken': {
    sql: [setClient("scopes = array_remove(scopes, 'items:read')")],
    stored: { ...client, scopes: ['me', 'items:admin', 'orders:read'] },
  },
  'every scope taken': { sql: [setClient("scopes = '{}'")], stored: { ...client, scopes: [] } },
  'secret rotated': {
    sql: ['UPDATE client_secrets SET slot = 2 WHERE client_id = $1 AND slot = 1'],
    stored: client,
  },
}

/** Scope requested at the login, and by the client for itself. */
const requested = 'me items:read items:admin'
const requestedByClient = 'items:read orders:read'

/** What a user's token permits in each state, for review by people: scope-tokens, or the reason for none. */
const permitted: Record<string, Record<string, string>> = {
  ok: {
    ok: requested,
    disabled: 'invalid_token',
    'enabled again': 'invalid_token',
    deleted: 'invalid_token',
    'scope taken': 'me items:admin',
    'every scope taken': 'insufficient_scope',
    'secret rotated': requested,
  },
  disabled: {
    ok: 'inactive_user',
    disabled: 'inactive_user',
    'enabled again': 'inactive_user',
    deleted: 'inactive_user',
    'scope taken': 'inactive_user',
    'every scope taken': 'inactive_user',
    'secret rotated': 'inactive_user',
  },
  'enabled again': {
    ok: 'invalid_token',
    disabled: 'invalid_token',
    'enabled again': 'invalid_token',
    deleted: 'invalid_token',
    'scope taken': 'invalid_token',
    'every scope taken': 'invalid_token',
    'secret rotated': 'invalid_token',
  },
  deleted: {
    ok: 'invalid_token',
    disabled: 'invalid_token',
    'enabled again': 'invalid_token',
    deleted: 'invalid_token',
    'scope taken': 'invalid_token',
    'every scope taken': 'invalid_token',
    'secret rotated': 'invalid_token',
  },
  'must change the password': {
    ok: 'password_change_required account:password',
    disabled: 'invalid_token',
    'enabled again': 'invalid_token',
    deleted: 'invalid_token',
    'scope taken': 'password_change_required account:password',
    'every scope taken': 'password_change_required',
    'secret rotated': 'password_change_required account:password',
  },
  'scope taken': {
    ok: 'me items:read',
    disabled: 'invalid_token',
    'enabled again': 'invalid_token',
    deleted: 'invalid_token',
    'scope taken': 'me',
    'every scope taken': 'insufficient_scope',
    'secret rotated': 'me items:read',
  },
}

interface Cell {
  name: string
  username: string
  clientId: string
  user: UserFacts | null
  client: ClientFacts | null
  /** What the user's token and the client's own token permit now. */
  ofUser: Effective
  ofClient: Effective
  tokens: { access: string; refresh: string; own: string }
}

interface Result {
  status: number
  json: Record<string, unknown>
}

const secret = 'the secret of the client'
const password = 'secret'

for (const mode of ['the key ring', 'a shared secret'])
  t.test(`with ${mode} guards, introspection and grants follow the decision`, async (t) => {
    const url = await cloneDatabase(t)
    const app = await startApp(t, { JWT_SECRET: mode === 'the key ring' ? '' : jwtSecret }, url)
    await storeClient(app.database, 'introspector', secret, [], ['introspect'])
    await storeClient(app.database, 'orders', secret, ['me', 'items:read', 'orders:read'])
    await storeClient(app.database, 'stranger', secret, ['me', 'items:read', 'items:admin'])
    let index = 0
    for (const [userState, { sql: ofUser, stored: user }] of Object.entries(userStates))
      for (const [clientState, { sql: ofClient, stored: client }] of Object.entries(clientStates)) {
        const cell = await enter(app, `user-${++index}`, `client-${index}`)
        for (const sql of ofUser) await query(url, sql, [cell.username])
        for (const sql of ofClient) await query(url, sql, [cell.clientId])
        const decided = decide(user, client)
        t.equal(describe(decided.ofUser), permitted[userState]?.[clientState], `${userState}, ${clientState}`)
        const now: Cell = {
          name: `user ${userState}, client ${clientState}`,
          ...cell,
          user,
          client,
          ...decided,
        }
        for (const [request, check] of Object.entries(requests)) {
          const { got, expected } = await check(app, now)
          t.strictSame(got, expected, `${now.name}: ${request}`)
        }
      }
  })

/** A user and a client of the matrix, with the tokens issued before the state changed. */
async function enter(app: FastifyInstance, username: string, clientId: string) {
  const scopes = [...user.scopes]
  await app.database.user.create({ data: { username, hashedPassword: cheapHash, scopes } })
  await storeClient(app.database, clientId, secret, [...client.scopes])
  const login = await token(app, clientId, { grant_type: 'password', username, password, scope: requested })
  const own = await token(app, clientId, { grant_type: 'client_credentials', scope: requestedByClient })
  const tokens = {
    access: String(login.json.access_token),
    refresh: String(login.json.refresh_token),
    own: String(own.json.access_token),
  }
  // Cached before the state changes.
  for (const text of [tokens.access, tokens.own]) {
    await as(app, text).get('/users/johndoe/items/')
    await introspect(app, 'introspector', text)
  }
  return { username, clientId, tokens }
}

/** Decision of `effective` about both tokens. */
function decide(user: UserFacts | null, client: ClientFacts | null): Pick<Cell, 'ofUser' | 'ofClient'> {
  const family = user && client && { userGeneration: 0, clientGeneration: 0, revoked: false }
  const audience = (scope: string) => ({ disabled: false, generation: null, scopes: scope.split(' ') })
  const facts: Facts | null = user && {
    ...{ user, client, family, revoked: false },
    audience: audience(requested),
  }
  const ofItself: Facts | null = client && {
    ...{ user: null, client, family: null, revoked: false },
    audience: audience(requestedByClient),
  }
  return {
    ofUser: effective({ claims: { client_id: 'c' }, scope: requested.split(' ') }, facts),
    ofClient: effective(
      { claims: { client_id: 'c', gen: 0 }, scope: requestedByClient.split(' ') },
      ofItself,
    ),
  }
}

function describe({ active, scope, reason }: Effective): string {
  return [...(active ? [] : [reason]), ...scope].join(' ')
}

/** Requests whose responses depend on the decision: what they return, and what the decision requires. */
const requests: Record<
  string,
  (app: FastifyInstance, cell: Cell) => Promise<{ got: unknown; expected: unknown }>
> = {
  'GET /users/me/': (app, cell) => guard(app, cell, 'me', '/users/me/'),
  'GET /users/me/items/': (app, cell) => guard(app, cell, 'items:read', '/users/me/items/'),
  'items of another': (app, cell) => guard(app, cell, 'items:admin', '/users/johndoe/items/'),

  async 'PUT /users/me/password'(app, { ofUser, tokens }) {
    const body = { old_password: 'wrong', new_password: 'correct horse' }
    const response = await as(app, tokens.access).put('/users/me/password', body)
    const { detail } = response.json<{ detail: string }>()
    return { got: detail, expected: verdict(ofUser, 'account:password') ?? 'Incorrect password' }
  },

  async 'items of a user, for the client itself'(app, { ofClient, tokens }) {
    const response = await as(app, tokens.own).get('/users/johndoe/items/')
    const { detail } = response.json<{ detail?: string }>()
    return { got: detail ?? null, expected: verdict(ofClient, 'items:read') }
  },

  async 'introspection by the client'(app, cell) {
    const introspectAsClient = (text: string) => introspect(app, cell.clientId, text)
    const { access, refresh, own } = cell.tokens
    const refused = cell.client === null || cell.client.disabled
    const got = [
      await introspectAsClient(access),
      await introspectAsClient(refresh),
      await introspectAsClient(own),
    ]
    const allowed = [stated(cell.ofUser), stated(cell.ofUser), stated(cell.ofClient)]
    return { got, expected: refused ? ['invalid_client', 'invalid_client', 'invalid_client'] : allowed }
  },

  async 'introspection by others'(app, { ofUser, ofClient, tokens: { access, refresh, own } }) {
    const ofOrders = ofClient.active && ofClient.scope.includes('orders:read') ? 'orders:read' : 'inactive'
    return {
      got: {
        introspector: await introspectAll(app, 'introspector', [access, refresh, own]),
        orders: await introspectAll(app, 'orders', [access, refresh, own]),
        stranger: await introspectAll(app, 'stranger', [access, refresh, own]),
      },
      expected: {
        introspector: [stated(ofUser), 'inactive', stated(ofClient)],
        orders: ['inactive', 'inactive', ofOrders],
        stranger: ['inactive', 'inactive', 'inactive'],
      },
    }
  },

  async 'login with grant_type'(app, { username, clientId, user, client }) {
    const login = { grant_type: 'password', username, password }
    const got = await token(app, clientId, login)
    if (!client || client.disabled) return { got: got.json.error, expected: 'invalid_client' }
    const wrong = await token(app, clientId, { ...login, password: 'wrong' })
    if (!user || user.disabled) return { got, expected: wrong }
    const { scope, reason } = effectiveAtIssue(user, { clientId, ...client })
    const byDefault = ['me', 'items:read', 'items:write'].filter((one) => scope.includes(one))
    const given = reason === 'password_change_required' ? scope : byDefault
    return {
      got: [got.json.error ?? got.json.scope, 'refresh_token' in got.json],
      expected: [given.join(' ') || 'invalid_scope', given.length > 0 && reason === null],
    }
  },

  async 'login that asks by name'(app, { username, clientId, user, client }) {
    const got = await token(app, clientId, { grant_type: 'password', username, password, scope: requested })
    if (!client || client.disabled) return { got: got.json.error, expected: 'invalid_client' }
    if (!user || user.disabled) return { got: got.json.error, expected: 'invalid_grant' }
    const { scope, reason } = effectiveAtIssue(user, { clientId, ...client })
    const isAllowed = requested.split(' ').every((one) => scope.includes(one))
    const given = reason === 'password_change_required' ? scope.join(' ') : isAllowed && requested
    const { access_token: granted } = got.json
    const issued = granted ? decode(String(granted), 1).scope : got.json.error
    return { got: issued, expected: given || 'invalid_scope' }
  },

  async 'login of the tutorial'(app, { username, user }) {
    const { status, json } = await toResult(postToken(app, { username, password }))
    if (!user) return { got: [status, json.detail], expected: [401, 'Incorrect username or password'] }
    const me = await as(app, String(json.access_token)).get('/users/me/')
    const { detail } = me.json<{ detail?: string }>()
    const forced = user.passwordChangeRequired
    return {
      got: [status, json.scope, 'refresh_token' in json, detail],
      expected: user.disabled
        ? [200, undefined, false, 'Inactive user']
        : forced
          ? [200, 'account:password', false, 'A new password is required']
          : [200, 'me items:read items:write', true, undefined],
    }
  },

  async client_credentials(app, { clientId, client }) {
    const got = await token(app, clientId, { grant_type: 'client_credentials' })
    if (!client || client.disabled) return { got: got.json.error, expected: 'invalid_client' }
    const given = decode(String(got.json.access_token), 1).scope
    return { got: given, expected: client.scopes.join(' ') || undefined }
  },

  async refresh_token(app, { clientId, client, ofUser, tokens: { refresh } }) {
    const got = await token(app, clientId, {
      grant_type: 'refresh_token',
      refresh_token: refresh,
      scope: requested,
    })
    const { access_token: granted, error, scope } = got.json
    if (!client || client.disabled) return { got: error, expected: 'invalid_client' }
    if (!ofUser.active) return { got: error, expected: 'invalid_grant' }
    const given = ofUser.scope.join(' ')
    return {
      got: [decode(String(granted), 1).scope, scope],
      expected: [given, given === requested ? undefined : given],
    }
  },

  async 'POST /revoke'(app, { clientId, client, tokens }) {
    const refused = !client || client.disabled
    const statuses: number[] = []
    for (const text of [tokens.access, tokens.own, tokens.refresh])
      statuses.push((await post(app, '/revoke', clientId, { token: text })).status)
    const inactive = await introspect(app, 'introspector', tokens.access)
    return {
      got: [...statuses, inactive],
      expected: refused ? [401, 401, 401, 'inactive'] : [200, 200, 200, 'inactive'],
    }
  },
}

/** Error of the guard for a token, or null when it accepts the token. */
function verdict(now: Effective, required: string): string | null {
  if (now.reason === 'inactive_user') return 'Inactive user'
  if (now.reason === 'invalid_token') return 'Could not validate credentials'
  if (includesScope(now.scope, required)) return null
  const isForced = now.reason === 'password_change_required' && required !== 'account:password'
  return isForced ? 'A new password is required' : 'Insufficient scope'
}

async function guard(app: FastifyInstance, { ofUser, tokens }: Cell, required: string, url: string) {
  const { detail } = (await as(app, tokens.access).get(url)).json<{ detail?: string }>()
  return { got: detail ?? null, expected: verdict(ofUser, required) }
}

/** Scope of a token by introspection. */
function stated({ active, scope }: Effective): string {
  return active ? scope.join(' ') : 'inactive'
}

async function introspect(app: FastifyInstance, clientId: string, text: string): Promise<unknown> {
  const { json } = await post(app, '/introspect', clientId, { token: text })
  return json.active
    ? json.scope
    : json.active === false && Object.keys(json).length === 1
      ? 'inactive'
      : json.error
}

async function introspectAll(app: FastifyInstance, clientId: string, texts: string[]): Promise<unknown[]> {
  const scopes: unknown[] = []
  for (const text of texts) scopes.push(await introspect(app, clientId, text))
  return scopes
}

function token(app: FastifyInstance, clientId: string, form: Record<string, string>): Promise<Result> {
  return toResult(postToken(app, form, basic(clientId, secret)))
}

async function post(app: FastifyInstance, url: string, clientId: string, form: Record<string, string>) {
  await app.changes.sync()
  const headers = { 'content-type': 'application/x-www-form-urlencoded', ...basic(clientId, secret) }
  const payload = new URLSearchParams(form).toString()
  return toResult(app.inject({ method: 'POST', url, headers, payload }))
}

async function toResult(response: ReturnType<typeof postToken>): Promise<Result> {
  const { statusCode, json } = await response
  return { status: statusCode, json: json<Record<string, unknown>>() }
}

t.test('tokens with false claims', (t) => {
  const family = { userGeneration: 0, clientGeneration: 0, revoked: false }
  const audience = { disabled: false, generation: null, scopes: ['me'] }
  const facts: Facts = { user, client, family, audience, revoked: false }
  const reasonOf = (claims: object, changed: Partial<Facts> | null = {}) =>
    effective({ claims, scope: ['me'] }, changed && { ...facts, ...changed }).reason
  const tutorials = { client: null, family: null }
  t.equal(reasonOf({ client_id: 'c' }), null)
  t.equal(reasonOf({ client_id: 'c' }, null), 'invalid_token', 'the subject does not exist')
  t.equal(reasonOf({ client_id: 'c' }, { revoked: true }), 'invalid_token', 'the token is revoked')
  t.equal(
    reasonOf({ client_id: 'c' }, { family: { ...family, revoked: true } }),
    'invalid_token',
    'its login is revoked',
  )
  t.equal(reasonOf({ client_id: 'c' }, tutorials), 'invalid_token', 'without a login')
  t.equal(reasonOf({}, tutorials), null, "the tutorial's")
  t.equal(reasonOf({}, { ...tutorials, user: { ...user, generation: 1 } }), 'invalid_token', 'of before')
  t.equal(reasonOf({ client_id: 'c', gen: 1 }, { user: null, family: null }), 'invalid_token')
  t.equal(reasonOf({ client_id: 'c', rgen: 1 }), 'invalid_token', 'of a resource, for the own audience')
  const resource = { disabled: false, generation: 1, scopes: ['me'] }
  t.equal(reasonOf({ client_id: 'c', rgen: 1 }, { audience: resource }), null)
  t.equal(reasonOf({ client_id: 'c' }, { audience: resource }), 'invalid_token')
  t.equal(reasonOf({ client_id: 'c', rgen: 2 }, { audience: resource }), 'invalid_token')
  t.equal(
    reasonOf({ client_id: 'c', rgen: 1 }, { audience: { ...resource, disabled: true } }),
    'invalid_token',
  )
  t.equal(
    reasonOf({ client_id: 'c', rgen: 1 }, { audience: { ...resource, scopes: [] } }),
    'insufficient_scope',
    'it no longer has the scope',
  )
  t.same(effective({ claims: { client_id: 'c', gen: 0 }, scope: [] }, { ...facts, user: null }), {
    ...{ active: true, scope: [], reason: null },
  })
  t.end()
})

t.test('a client sees the tokens that concern it', (t) => {
  const shown = (
    claims: object,
    facts: object,
    scope = ['me', 'items:admin', 'orders:read', 'orders:write'],
    audience: string | null = null,
    servers: string[] = [],
  ) =>
    visibleScope(
      { claims: { sub: 'x', exp: 1, ...claims }, audience, scope },
      { clientId: 'orders', scopes: [], rights: [], ...facts },
      servers,
    )?.join(' ')
  const all = 'me items:admin orders:read orders:write'
  t.equal(shown({ client_id: 'orders' }, {}), all, 'issued to it')
  t.equal(shown({ client_id: 'other', aud: 'orders' }, {}), all, 'for it')
  t.equal(shown({ client_id: 'other', aud: ['x', 'orders'] }, {}), all, 'one of its audiences is the client')
  t.equal(shown({}, { rights: ['introspect'] }), all, 'by right')
  t.equal(
    shown({ client_id: 'other' }, { scopes: ['orders:read', 'me'] }),
    'orders:read',
    'it has a scope of the client',
  )
  const routes = ['me', 'items:read', 'items:write', 'account:password', 'users:admin', 'items:admin']
  t.equal(
    shown({ client_id: 'other' }, { scopes: routes }, routes),
    undefined,
    'scopes of the routes of this service are not shared',
  )
  t.equal(shown({ client_id: 'other', aud: 'https://issuer.example' }, {}), undefined)
  t.equal(shown({}, {}), undefined, "the tutorial's")
  const everything = { scopes: ['orders:read'], rights: ['introspect'] }
  const ofResource = ['orders:read']
  t.equal(
    shown({ client_id: 'orders', aud: 'orders' }, everything, ofResource, 'orders', ['other']),
    undefined,
    'a resource that it does not serve',
  )
  t.equal(shown({ client_id: 'x' }, {}, ofResource, 'urn:orders', ['orders']), 'orders:read', 'it serves it')
  t.end()
})
