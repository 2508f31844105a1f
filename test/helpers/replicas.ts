import { randomUUID } from 'node:crypto'
import { setTimeout as delay } from 'node:timers/promises'
import pg from 'pg'
import type { Test } from 'tap'
import { query } from '../database/query.js'
import { cloneDatabase } from './database.js'
import { plainOptions } from './hostile.js'
import { type Service, type ServiceFile, startService } from './service.js'

/** Two processes of the service over one database, each with few connections to it. */
export interface Replicas {
  url: string
  one: Service
  other: Service
}

/** A response; `body` is empty if it is not a JSON object. */
export interface Answer {
  status: number
  headers: Headers
  body: Record<string, unknown>
}

/** Tokens of a login or a refresh. */
export interface Tokens {
  access_token: string
  refresh_token: string
}

/** `secret`, hashed at the lowest cost. */
export const cheapHash = '$2b$04$qpYcZ1W8qZLhPH4xk/vHWeD9aoZCbU6C0i2hbDucefeq3jBz1Eklm'

/** Starts two replicas, over a fresh database if none is given. There johndoe's password is hashed at the lowest cost. */
export async function startReplicas(
  t: Test,
  settings: Record<string, string> = {},
  url?: string,
  file?: ServiceFile,
): Promise<Replicas> {
  const shared = url ?? (await cloneDatabase(t))
  if (!url) await query(shared, 'UPDATE users SET hashed_password = $1, rehashed_at = now()', [cheapHash])
  const [one, other] = await Promise.all([
    startReplica(t, shared, settings, file),
    startReplica(t, shared, settings, file),
  ])
  return { url: shared, one, other }
}

/** Starts a process over a database that others use too. The built service is started unless coverage of the source counts. */
export function startReplica(
  t: Test,
  url: string,
  settings: Record<string, string> = {},
  file: ServiceFile = 'dist/src/server.js',
): Promise<Service> {
  const replica = {
    DATABASE_URL: url,
    DATABASE_POOL_SIZE: '2',
    DATABASE_TIMEOUT_SECONDS: '60',
    BCRYPT_COST: '4',
    LOG_LEVEL: 'info',
    ...settings,
  }
  return startService(t, replica, file)
}

/** Posts a form. */
export async function postForm(
  { origin }: Service,
  path: string,
  form: Record<string, string>,
): Promise<Answer> {
  return toAnswer(await fetch(`${origin}${path}`, { method: 'POST', body: new URLSearchParams(form) }))
}

/** Requests the current user. */
export async function askWho({ origin }: Service, token: string): Promise<Answer> {
  return toAnswer(await fetch(`${origin}/users/me/`, { headers: { authorization: `Bearer ${token}` } }))
}

/** Logs in, by default as the tutorial's user. */
export async function logIn(
  service: Service,
  username = 'johndoe',
  password = 'secret',
  scope = 'me items:read items:write',
): Promise<Tokens & Answer> {
  const answer = await postForm(service, '/token', { grant_type: 'password', username, password, scope })
  return { ...answer, ...(answer.body as unknown as Tokens) }
}

/** Adds a user whose password is `secret`, hashed at the lowest cost. */
export async function createUser(url: string): Promise<string> {
  const username = `user-${randomUUID()}`
  await query(url, 'INSERT INTO users (id, username, hashed_password) VALUES (gen_random_uuid(), $1, $2)', [
    username,
    cheapHash,
  ])
  return username
}

/** Exchanges a refresh token. */
export function refresh(service: Service, refreshToken: string): Promise<Answer> {
  return postForm(service, '/token', { grant_type: 'refresh_token', refresh_token: refreshToken })
}

/** Returns the tokens of all successful responses. */
export function tokensOf(answers: Answer[]): Tokens[] {
  return answers.filter(({ status }) => status === 200).map(({ body }) => body as unknown as Tokens)
}

/** Resolves when a process has received all changes so far: it responds to a request to reset a password only then. */
export async function receiveChanges(service: Service): Promise<void> {
  const response = await fetch(`${service.origin}/account/forgot-password`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ email: 'nobody@example.com' }),
  })
  await response.arrayBuffer()
}

/** Asserts that both processes refuse all tokens. */
export async function refusesAll(t: Test, { one, other }: Replicas, tokens: Tokens[], what: string) {
  for (const service of [one, other]) {
    await receiveChanges(service)
    for (const { access_token, refresh_token } of tokens) {
      t.not((await askWho(service, access_token)).status, 200, `${what}: the access token is refused`)
      if (refresh_token)
        t.equal((await refresh(service, refresh_token)).status, 400, `${what}: the refresh token is refused`)
    }
  }
}

/** Returns the published keys in the order in which they sign. */
export async function readKids({ origin }: Service): Promise<string[]> {
  const response = await fetch(`${origin}/.well-known/jwks.json`)
  const { keys } = (await response.json()) as { keys: { kid: string }[] }
  return keys.map(({ kid }) => kid)
}

/** Returns the header of a token without verifying it. */
export function headerOf(token: string): { kid: string } {
  return JSON.parse(String(Buffer.from(token.replace(/\..*/s, ''), 'base64url'))) as { kid: string }
}

/** Resolves when the condition holds. Rejects after 30 s. */
export async function until(what: string, condition: () => Promise<boolean>): Promise<void> {
  const deadline = Date.now() + 120_000
  while (!(await condition())) {
    if (Date.now() > deadline) throw new Error(`waited in vain for ${what}`)
    await delay(20)
  }
}

/** Opens a connection with an open transaction in which the statements were executed. */
export async function beginTransaction(t: Test, url: string, ...statements: string[]): Promise<pg.Client> {
  const connection = new pg.Client({ connectionString: url, options: plainOptions })
  await connection.connect()
  t.teardown(() => connection.end())
  for (const statement of ['BEGIN', ...statements]) await connection.query(statement)
  return connection
}

/** Resolves when a number of connections of the database wait for a lock. */
export function untilWaiting(url: string, count = 1): Promise<void> {
  return until(`${count} to wait for a lock`, async () => {
    const waiting = await query(
      url,
      "SELECT FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'",
    )
    return waiting.length >= count
  })
}

async function toAnswer(response: Response): Promise<Answer> {
  const text = await response.text()
  return { status: response.status, headers: response.headers, body: parseObject(text) }
}

function parseObject(text: string): Record<string, unknown> {
  try {
    return JSON.parse(text) as Record<string, unknown>
  } catch {
    return {}
  }
}
