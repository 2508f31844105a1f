import type { FastifyInstance } from 'fastify'
import type { Test } from 'tap'
import { postToken, startApp } from './app.js'
import { as } from './client.js'
import { runCommand } from './command.js'
import { cloneDatabase } from './database.js'

/** Settings of a service with a key ring. */
export const ring = { JWT_SECRET: '' }

/** Tokens of a user and of a client. */
export interface Tokens {
  /** Access token of a user, and its refresh token. */
  access: string
  refresh: string
  /** Access token of a client for itself. */
  client: string
}

/** Creates a database with a confidential client, and a service on it. */
export async function startWithClient(t: Test) {
  const url = await cloneDatabase(t)
  const app = await startApp(t, ring, url)
  const { stdout } = await runCommand(url, [
    ...['clients', 'create', 'reports', '--name', 'Reports', '--json'],
    ...['--grant', 'client_credentials', '--scope', 'x', '--right', 'introspect'],
  ])
  const { client_secret: secret } = JSON.parse(stdout) as { client_secret: string }
  return { url, app, secret }
}

/** Logs a user and the client in. */
export async function issueTokens(app: FastifyInstance, secret: string): Promise<Tokens> {
  const login = { grant_type: 'password', username: 'johndoe', password: 'secret' }
  const user = (await postToken(app, login)).json<{ access_token: string; refresh_token: string }>()
  const own = { grant_type: 'client_credentials', client_id: 'reports', client_secret: secret }
  const client = (await postToken(app, own)).json<{ access_token: string }>()
  return { access: user.access_token, refresh: user.refresh_token, client: client.access_token }
}

/** Returns what the service says of tokens at each of its doors. The refresh comes last. */
export async function judge(app: FastifyInstance, secret: string, { access, refresh, client }: Tokens) {
  await app.changes.sync()
  const authorization = `Basic ${Buffer.from(`reports:${secret}`).toString('base64')}`
  const introspect = async (token: string) => {
    const form = {
      method: 'POST',
      url: '/introspect',
      headers: { authorization },
      payload: { token },
    } as const
    const headers = { authorization, 'content-type': 'application/x-www-form-urlencoded' }
    const payload = new URLSearchParams(form.payload).toString()
    return (await app.inject({ ...form, headers, payload })).json<{ active: boolean }>().active
  }
  const guarded = await as(app, access).get('/users/me/')
  const introspected = [await introspect(access), await introspect(client)]
  const refreshed = await postToken(app, { grant_type: 'refresh_token', refresh_token: refresh })
  return { guarded: guarded.statusCode, introspected, refreshed: refreshed.statusCode }
}

/** Verdict on valid tokens. */
export const good = { guarded: 200, introspected: [true, true], refreshed: 200 }
/** Verdict on revoked tokens. */
export const refused = { guarded: 401, introspected: [false, false], refreshed: 400 }
