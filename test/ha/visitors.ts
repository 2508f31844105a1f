import { setTimeout as delay } from 'node:timers/promises'
import type { Service } from '../helpers/service.js'
import { bearer, type Client, type Exchange } from './requests.js'

/** A user who logs in and out at one service, and whom another service has in its memory meanwhile. */
export interface Visitor {
  username: string
  one: Service
  other: Service
  revoked: RevokedToken[]
}

/** A token whose revocation was confirmed, and when that was (`performance.now()`). */
export interface RevokedToken {
  token: string
  revokedAt: number
}

/** Pause between the requests of one visitor (milliseconds). */
const pauseMs = 30

/** Logs in and out, again and again. */
export async function logInAndOut(visitor: Visitor, client: Client, isStopped: () => boolean): Promise<void> {
  const form = { grant_type: 'password', username: visitor.username, password: 'secret', scope: 'me' }
  while (!isStopped()) {
    const { status, body } = await post(client, 'log in', visitor.one, '/token', form)
    if (status === 200) await logOut(visitor, String(body.access_token), client, isStopped)
    await delay(pauseMs)
  }
}

/** Uses a token at the other service, so that it is remembered there, and revokes it. */
async function logOut(
  { one, other, revoked }: Visitor,
  token: string,
  client: Client,
  isStopped: () => boolean,
): Promise<void> {
  await client.send('read', other, '/users/me/', { headers: bearer(token) })
  while (!isStopped()) {
    const { status } = await post(client, 'revoke', one, '/revoke', { token })
    if (status === 200) return void revoked.push({ token, revokedAt: performance.now() })
    await delay(pauseMs)
  }
}

function post(
  client: Client,
  purpose: 'log in' | 'revoke',
  service: Service,
  path: string,
  form: Record<string, string>,
): Promise<Exchange> {
  return client.send(purpose, service, path, { method: 'POST', body: new URLSearchParams(form) })
}
