import { createHash, randomBytes } from 'node:crypto'
import { type Sql, sql } from '../../database/client.js'

/** Lifetimes of one-time tokens by purpose, in seconds. */
const lifetimes = {
  invitation: 7 * 86_400,
  confirm_email: 86_400,
  reset_password: 1_800,
}

/** Purpose of a one-time token. */
type Purpose = keyof typeof lifetimes

/** Purpose of a token that is mailed as a link. */
export type LinkPurpose = Exclude<Purpose, 'invitation'>

/** Returns a random token. */
export function newToken(): string {
  return randomBytes(32).toString('base64url')
}

/** Returns what is stored instead of the token. */
export function fingerprintOf(token: string): Buffer {
  return createHash('sha256').update(token).digest()
}

/** Returns the time when a token that is issued now expires. */
export function expiryOf(purpose: Purpose): Sql {
  return sql`now() + make_interval(secs => ${lifetimes[purpose]})`
}
