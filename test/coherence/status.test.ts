import type { FastifyInstance } from 'fastify'
import t, { type Test } from 'tap'
import { removeDepartures } from '../../src/database/departures.js'
import { basic, decode } from '../conformance/server.js'
import { query } from '../database/query.js'
import { startApp } from '../helpers/app.js'
import { storeClient } from '../helpers/clients.js'
import { cloneDatabase } from '../helpers/database.js'
import { chooseFrom, createRandom } from '../helpers/random.js'
import { cheapHash } from '../helpers/replicas.js'
import { storeResource, storeRole } from '../helpers/resources.js'
import { readRevoked, revokeLostScopes, settleLosses } from '../helpers/status.js'

// Two replicas issue tokens, while one thing after another changes that tokens depend on. After each change, the bit of every
// token must be set if and only if introspection says, or has said before, that the token is no longer active or has lost a
// part of its scope.

const secret = 'the secret of every client'
const seed = Number(process.env.PROPERTY_SEED ?? 6749)
const rounds = Number(process.env.STATUS_ROUNDS ?? 1)
const changesPerRound = 24
const requestsPerChange = 6

const users = ['ann', 'bob', 'cid']
const clients = ['shop', 'till', 'desk']
const resources = ['orders', 'bills']
const scopes = ['a:own', 'a:role', 'a:default', 'b:own', 'b:role', 'b:default']

/** Changes by SQL, in which `?user` and the like stand for one of each. */
const changes = [
  "UPDATE users SET disabled = NOT disabled WHERE username = '?user'",
  "UPDATE users SET generation = generation + 1 WHERE username = '?user'",
  `UPDATE users SET hashed_password = CASE WHEN hashed_password LIKE '$2b$%' THEN '${cheapHash.replace('$2b$', '$2y$')}' ELSE '${cheapHash}' END
   WHERE username = '?user'`,
  "UPDATE users SET password_change_required = NOT password_change_required WHERE username = '?user'",
  "UPDATE users SET scopes = array_remove(scopes, '?scope') WHERE username = '?user'",
  "UPDATE users SET scopes = array_remove(scopes, '?scope') || '?scope'::varchar WHERE username = '?user' AND EXISTS (SELECT FROM resource_scopes WHERE name = '?scope')",
  "UPDATE users SET username = username || 'x' WHERE username = '?user'",
  "DELETE FROM users WHERE username = '?user'",
  "DELETE FROM user_roles WHERE role = '?role'",
  "INSERT INTO user_roles SELECT id, name FROM users, roles WHERE username = '?user' AND name = '?role' ON CONFLICT DO NOTHING",
  "DELETE FROM role_scopes WHERE role = '?role'",
  "INSERT INTO role_scopes SELECT roles.name, resource_scopes.name FROM roles, resource_scopes WHERE roles.name = '?role' AND resource_scopes.name = '?scope' ON CONFLICT DO NOTHING",
  "DELETE FROM roles WHERE name = '?role'",
  "UPDATE resource_scopes SET by_default = NOT by_default WHERE name = '?scope'",
  "UPDATE resource_scopes SET resource_id = (SELECT id FROM resources WHERE name = '?resource') WHERE name = '?scope' AND EXISTS (SELECT FROM resources WHERE name = '?resource')",
  "DELETE FROM resource_scopes WHERE name = '?scope'",
  "UPDATE clients SET disabled = NOT disabled WHERE client_id = '?client'",
  "UPDATE clients SET generation = generation + 1 WHERE client_id = '?client'",
  "UPDATE clients SET scopes = array_remove(scopes, '?scope') WHERE client_id = '?client'",
  "UPDATE clients SET scopes = array_remove(scopes, 'me') WHERE client_id = '?client'",
  "UPDATE clients SET scopes = '{me,items:read,a:own,a:role,a:default,b:own,b:role,b:default}' WHERE client_id = '?client'",
  "UPDATE clients SET client_id = client_id || 'x' WHERE client_id = '?client' AND NOT EXISTS (SELECT FROM clients WHERE client_id = '?clientx')",
  "DELETE FROM clients WHERE client_id = '?client'",
  "UPDATE resources SET disabled = NOT disabled WHERE name = '?resource'",
  "UPDATE resources SET identifier = identifier || 'x' WHERE name = '?resource'",
  "UPDATE resources SET subject_type = CASE subject_type WHEN 'public' THEN 'username' ELSE 'public' END WHERE name = '?resource'",
  "DELETE FROM resources WHERE name = '?resource'",
  'DELETE FROM token_families WHERE id IN (SELECT id FROM token_families WHERE resource_id IS NULL LIMIT 1)',
  'UPDATE token_families SET revoked_at = now() WHERE id IN (SELECT id FROM token_families WHERE revoked_at IS NULL LIMIT 1)',
]

/** A token that was issued. */
interface Issued {
  token: string
  clientId: string
  refreshToken: string | undefined
  scope: string
  /** Whether introspection has said that it has ended. */
  hasEnded: boolean
  /** What had happened when it was issued. */
  step: string
}

for (let round = 0; round < rounds; round++)
  t.test(`bits and introspection agree (seed ${seed + round})`, async (t) => {
    const random = createRandom(seed + round)
    const url = await cloneDatabase(t)
    const settings = { JWT_SECRET: '', REFRESH_TOKEN_GRACE_SECONDS: '60' }
    const apps = [await startApp(t, settings, url), await startApp(t, settings, url)] as const
    await storeClient(apps[0].database, 'introspector', secret, ['me'], ['introspect'])
    const tokens: Issued[] = []
    const log: string[] = []
    for (let number = 0; number < changesPerRound; number++) {
      await restore(apps[0], url)
      for (const app of apps) await app.changes.sync()
      const change = fillIn(chooseFrom(changes, random), random)
      log.push(change)
      const requests = Array.from({ length: requestsPerChange }, () =>
        requestToken(chooseFrom(apps, random), tokens, random),
      )
      await Promise.all([query(url, change), ...requests.map((send) => send(log))])
      if (!(await agree(t, url, apps, tokens, log))) return
    }
    t.ok(tokens.length > 10, `${tokens.length} tokens`)
    t.ok(tokens.filter(({ hasEnded }) => hasEnded).length > 0, 'some of them have ended')
  })

/** Stores what is missing: everything at first, later what was deleted. */
async function restore({ database }: FastifyInstance, url: string): Promise<void> {
  for (const name of ['server', ...clients])
    if (!(await database.client.findUnique({ where: { clientId: name } })))
      await storeClient(database, name, secret, name === 'server' ? [] : ['me', 'items:read', ...scopes])
  for (const name of resources)
    if (!(await database.resource.findUnique({ where: { name } })))
      await storeResource(database, { name, identifier: `urn:${name}`, scopes: [], servers: ['server'] })
  for (const scope of scopes) {
    const name = scope.startsWith('a:') ? 'orders' : 'bills'
    await query(
      url,
      `INSERT INTO resource_scopes (name, resource_id, by_default) SELECT $1, id, $3 FROM resources WHERE name = $2 ON CONFLICT DO NOTHING`,
      [scope, name, scope.endsWith('default')],
    )
  }
  for (const name of users)
    if (!(await database.user.findFirst({ where: { username: { startsWith: name } } }))) {
      await query(url, 'DELETE FROM taken_names')
      await query(
        url,
        "INSERT INTO users (id, username, hashed_password, scopes) SELECT gen_random_uuid(), $1, $2, ARRAY(SELECT name FROM resource_scopes WHERE name LIKE '%own')",
        [name, cheapHash],
      )
    }
  for (const role of ['a', 'b'])
    if (!(await database.role.findUnique({ where: { name: role } })))
      await storeRole(database, role, [], users)
}

function fillIn(statement: string, random: () => number): string {
  return statement
    .replaceAll('?user', chooseFrom(users, random))
    .replaceAll('?client', chooseFrom(clients, random))
    .replaceAll('?resource', chooseFrom(resources, random))
    .replaceAll('?scope', chooseFrom(scopes, random))
    .replaceAll('?role', chooseFrom(['a', 'b'], random))
}

/** Chooses a request now; the result sends it. */
function requestToken(app: FastifyInstance, tokens: Issued[], random: () => number) {
  const username = chooseFrom(users, random)
  const client = chooseFrom(clients, random)
  const scope = chooseFrom(['me', 'me items:read', ...scopes], random)
  const known = tokens.length > 0 ? chooseFrom(tokens.slice(-30), random) : undefined
  const kind = Math.floor(random() * 6)
  const { refreshToken: refresh_token = 'none' } = known ?? {}
  const form: Record<string, string> =
    kind < 2
      ? { grant_type: 'password', username, password: 'secret', scope }
      : kind === 2
        ? { grant_type: 'client_credentials', scope }
        : { grant_type: 'refresh_token', refresh_token }
  const clientId = kind > 2 && known ? known.clientId : client
  return async function send(log: string[]): Promise<void> {
    const isRevocation = kind === 5 && known !== undefined
    const response = await app.inject({
      method: 'POST',
      url: isRevocation ? '/revoke' : '/token',
      headers: { 'content-type': 'application/x-www-form-urlencoded', ...basic(clientId, secret) },
      payload: new URLSearchParams(
        isRevocation ? { token: random() < 0.5 ? known.token : refresh_token } : form,
      ).toString(),
    })
    const { access_token, refresh_token: next } = response.json<Record<string, string>>()
    if (!access_token) return
    const claims = decode(access_token, 1)
    tokens.push({
      ...{ token: access_token, clientId, refreshToken: next, scope: String(claims.scope), hasEnded: false },
      step: `${log.length} ${JSON.stringify(form)} ${JSON.stringify(claims)}`,
    })
  }
}

/** Compares the bits of all tokens with introspection by both replicas, once nothing is left to do. */
async function agree(
  t: Test,
  url: string,
  apps: readonly [FastifyInstance, FastifyInstance],
  tokens: Issued[],
  log: string[],
): Promise<boolean> {
  const [{ database }] = apps
  while ((await query(url, "SELECT FROM departures WHERE kind NOT IN ('caller', 'inviter')")).length > 0) {
    await settleLosses(url)
    await removeDepartures(database)
    await revokeLostScopes(database)
  }
  for (const app of apps) await app.changes.sync()
  for (const issued of tokens) if (!issued.hasEnded) issued.hasEnded = await hasEnded(apps, issued)
  const revoked = await readRevoked(
    url,
    tokens.map(({ token }) => token),
  )
  const wrong = tokens.filter(
    ({ hasEnded, scope }, index) => scope !== 'account:password' && hasEnded !== revoked[index],
  )
  t.same(wrong, [], `after ${log.length} changes: ${log.at(-1)}`)
  return wrong.length === 0
}

/** Returns whether a token is inactive at both replicas, or has lost a part of its scope. */
async function hasEnded(apps: readonly FastifyInstance[], { token, scope }: Issued): Promise<boolean> {
  for (const app of apps)
    for (const clientId of ['introspector', 'server']) {
      const response = await app.inject({
        method: 'POST',
        url: '/introspect',
        headers: { 'content-type': 'application/x-www-form-urlencoded', ...basic(clientId, secret) },
        payload: new URLSearchParams({ token }).toString(),
      })
      const seen = response.json<{ active: boolean; scope?: string }>()
      if (seen.active && seen.scope === scope) return false
    }
  return true
}
