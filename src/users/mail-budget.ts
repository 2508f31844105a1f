import type { RequestSource } from '../audit/event.js'
import type { Transaction } from '../database/client.js'
import { ServiceError } from '../errors.js'
import { keyedDigest } from '../passwords/keyed-digest.js'
import { networksOf } from '../passwords/network.js'

/** Purpose of a mail with links. */
export type LinkPurpose = 'confirm_email' | 'reset_password'

/** Purpose of a mail that is limited: `email_changed` tells the confirmed address. */
type Purpose = LinkPurpose | 'email_changed'

/** What strangers can ask for that brings work and mails. */
type Asked = 'forgot_password' | 'registration'

/** Whom a mail is for. */
export interface Recipient {
  /** Who asked, or undefined for a mail that names all accounts of the address. */
  userId?: string
  address: string
}

/** Part of a recipient that mails are counted by. */
type Counted = 'address' | 'user' | 'both'

/** Maximum number of mails with the same key within some seconds. The key that fewest others share is charged first. */
const budgets: Record<Purpose, { counted: Counted; mails: number; seconds: number }[]> = {
  reset_password: [{ counted: 'address', mails: 1, seconds: 60 }],
  confirm_email: [
    { counted: 'both', mails: 1, seconds: 60 },
    { counted: 'user', mails: 5, seconds: 600 },
    { counted: 'address', mails: 5, seconds: 600 },
  ],
  email_changed: [{ counted: 'both', mails: 3, seconds: 600 }],
}

/** Maximum number of requests of one kind from one customer's network within some seconds. */
const networkBudget = { requests: 300, seconds: 60 }

/**
 * Charges a mail to its budgets, be there an account with the address or not. Of any number at once no more than fit are
 * taken: single statements decide.
 *
 * @returns whether the mail may be sent
 */
export async function takeMail(
  purpose: Purpose,
  { userId = '', address }: Recipient,
  macKey: Buffer,
  transaction: Transaction,
): Promise<boolean> {
  const lowerCase = address.toLowerCase()
  const parts = { address: ['', lowerCase], user: [userId, ''], both: [userId, lowerCase] }
  for (const { counted, mails, seconds } of budgets[purpose]) {
    const key = keyedDigest(macKey, 'mails', purpose, ...parts[counted])
    if (!(await take(key, mails, seconds, transaction))) return false
  }
  return true
}

/**
 * Charges a request to the networks that it comes from, whatever it asks about.
 *
 * @throws ServiceError `too_many_attempts`
 */
export async function chargeNetwork(
  asked: Asked,
  address: string | null,
  macKey: Buffer,
  database: Transaction,
): Promise<void> {
  const { requests, seconds } = networkBudget
  for (const { prefix, weight } of networksOf(address)) {
    const key = keyedDigest(macKey, 'requests', asked, prefix)
    if (!(await take(key, requests * weight, seconds, database)))
      throw new ServiceError('too_many_attempts', { 'retry-after': String(seconds) })
  }
}

/** Returns the caller on whose behalf tasks are queued: the smallest network of an address. */
export function callerOf({ address }: RequestSource): string {
  return networksOf(address)[0].prefix
}

async function take(key: Buffer, mails: number, seconds: number, transaction: Transaction): Promise<boolean> {
  const taken = await transaction.$executeRaw`
    INSERT INTO mail_budgets AS budget (key, sent, expires_at)
    VALUES (${key}, 1, clock_timestamp() + make_interval(secs => ${seconds}))
    ON CONFLICT (key) DO UPDATE SET
      sent = CASE WHEN budget.expires_at <= clock_timestamp() THEN 1 ELSE budget.sent + 1 END,
      expires_at = CASE
        WHEN budget.expires_at <= clock_timestamp() THEN excluded.expires_at ELSE budget.expires_at
      END
    WHERE budget.expires_at <= clock_timestamp() OR budget.sent < ${mails}`
  return taken === 1
}
