import type { FastifyInstance } from 'fastify'
import type { Test } from 'tap'
import { postToken, startApp, untilConnected } from '../helpers/app.js'
import { storeClient } from '../helpers/clients.js'

export const issuer = 'https://login.example.com'

/** A confidential client with every grant. */
export const reports = { client_id: 'reports', client_secret: 'the secret of reports' }
/** Another one, with the right to introspect every access token. */
export const billing = { client_id: 'billing', client_secret: 'the secret of billing' }

export interface Tokens {
  access_token: string
  refresh_token: string
  token_type: string
  expires_in: number
  scope?: string
}

/** Starts the service with a key ring and the two clients, and waits until it can serve status lists. */
export async function startIssuer(
  t: Test,
  settings: Record<string, string> = {},
  url?: string,
): Promise<FastifyInstance> {
  const app = await startApp(t, { JWT_SECRET: '', ISSUER: issuer, ...settings }, url)
  const scopes = ['me', 'items:read', 'orders:read']
  await storeClient(app.database, reports.client_id, reports.client_secret, scopes)
  await storeClient(app.database, billing.client_id, billing.client_secret, scopes, ['introspect'])
  await untilConnected(app)
  return app
}

/** Returns an HTTP Basic Authorization header with form-url-encoded credentials (RFC 6749 §2.3.1). */
export function basic(clientId: string, secret: string): { authorization: string } {
  const encoded = [clientId, secret].map((part) => new URLSearchParams({ '': part }).toString().slice(1))
  return { authorization: `Basic ${Buffer.from(encoded.join(':')).toString('base64')}` }
}

/** Posts a form to one of the endpoints. */
export function postTo(
  app: FastifyInstance,
  url: string,
  form: Record<string, string> | string,
  headers: Record<string, string> = {},
) {
  return app.inject({
    method: 'POST',
    url,
    headers: { 'content-type': 'application/x-www-form-urlencoded', ...headers },
    payload: typeof form === 'string' ? form : new URLSearchParams(form).toString(),
  })
}

export const asUser = { grant_type: 'password', username: 'johndoe', password: 'secret' }

/** Returns the tokens of a login through a client. */
export async function signIn(app: FastifyInstance, form: Record<string, string> = reports): Promise<Tokens> {
  const response = await postToken(app, { ...asUser, ...form })
  return response.json<Tokens>()
}

/** Returns the tokens of a client for itself. */
export async function signInClient(app: FastifyInstance, form: Record<string, string> = {}): Promise<Tokens> {
  const response = await postToken(app, { grant_type: 'client_credentials', ...reports, ...form })
  return response.json<Tokens>()
}

/** Decodes a part of a token without verifying it. */
export function decode(token: string, part: 0 | 1): Record<string, unknown> {
  return JSON.parse(String(Buffer.from(token.split('.')[part] ?? '', 'base64url'))) as Record<string, unknown>
}

/** Returns the response to an access token at the current user's route. */
export function askWho(app: FastifyInstance, authorization: string) {
  return app.inject({ url: '/users/me/', headers: { authorization } })
}
