import type { RequestSource } from '../../audit/event.js'
import type { Transaction } from '../../database/client.js'
import { ServiceError } from '../../errors.js'
import { keyedDigest } from '../../passwords/keyed-digest.js'
import { networksOf } from '../../passwords/network.js'
import type { LinkPurpose } from '../store/one-time-tokens.js'

/** Purpose of an e-mail with a budget; `email_changed` notifies the confirmed address. */
type MailPurpose = LinkPurpose | 'email_changed'

/** Request without authentication that costs work and may send e-mails. */
type AnonymousRequest = 'forgot_password' | 'registration'

/** Recipient of an e-mail. */
export interface Recipient {
  /** User who requested the e-mail, or undefined for an e-mail about all accounts of the address. */
  userId?: string
  address: string
}

/** Maximum number of e-mails with the same key within a time window. */
interface Budget {
  /** Parts of the recipient that make up the key. */
  key: 'address' | 'user' | 'both'
  maxMails: number
  windowSeconds: number
}

/** Budgets of each purpose. The budget that is shared the least comes first, so that it protects those behind it. */
const budgets: Record<MailPurpose, Budget[]> = {
  reset_password: [{ key: 'address', maxMails: 1, windowSeconds: 60 }],
  confirm_email: [
    { key: 'both', maxMails: 1, windowSeconds: 60 },
    { key: 'user', maxMails: 5, windowSeconds: 600 },
    { key: 'address', maxMails: 5, windowSeconds: 600 },
  ],
  email_changed: [{ key: 'both', maxMails: 3, windowSeconds: 600 }],
}

/** Maximum number of requests of one kind from one network within a time window. */
const networkBudget = { maxRequests: 300, windowSeconds: 60 }

/**
 * Consumes the budgets of an e-mail, whether or not an account with the address exists. Each budget is checked and
 * consumed in one statement, so concurrent requests cannot exceed it.
 *
 * @returns whether the e-mail may be sent
 */
export async function consumeMailBudget(
  purpose: MailPurpose,
  { userId = '', address }: Recipient,
  macKey: Buffer,
  transaction: Transaction,
): Promise<boolean> {
  const lowerCase = address.toLowerCase()
  const parts = {
    address: ['', lowerCase],
    user: [userId, ''],
    both: [userId, lowerCase],
  }
  for (const { key, maxMails, windowSeconds } of budgets[purpose]) {
    const digest = keyedDigest(macKey, 'mails', purpose, ...parts[key])
    if (!(await consume(digest, maxMails, windowSeconds, transaction))) return false
  }
  return true
}

/**
 * Consumes the budgets of the networks that a request comes from.
 *
 * @throws ServiceError `too_many_attempts`
 */
export async function consumeNetworkBudget(
  request: AnonymousRequest,
  address: string | null,
  macKey: Buffer,
  database: Transaction,
): Promise<void> {
  const { maxRequests, windowSeconds } = networkBudget
  for (const { prefix, weight } of networksOf(address)) {
    const digest = keyedDigest(macKey, 'requests', request, prefix)
    if (!(await consume(digest, maxRequests * weight, windowSeconds, database)))
      throw new ServiceError('too_many_attempts', { 'retry-after': String(windowSeconds) })
  }
}

/** Returns the caller on whose behalf background tasks are queued: the smallest network of the address. */
export function callerOf({ address }: RequestSource): string {
  return networksOf(address)[0].prefix
}

/** Counts one unit. Returns whether it was within the maximum. */
async function consume(
  key: Buffer,
  maximum: number,
  windowSeconds: number,
  transaction: Transaction,
): Promise<boolean> {
  const consumed = await transaction.$executeRaw`
    INSERT INTO mail_budgets AS budget (key, sent, expires_at)
    VALUES (${key}, 1, clock_timestamp() + make_interval(secs => ${windowSeconds}))
    ON CONFLICT (key) DO UPDATE SET
      sent = CASE WHEN budget.expires_at <= clock_timestamp() THEN 1 ELSE budget.sent + 1 END,
      expires_at = CASE
        WHEN budget.expires_at <= clock_timestamp() THEN excluded.expires_at ELSE budget.expires_at
      END
    WHERE budget.expires_at <= clock_timestamp() OR budget.sent < ${maximum}`
  return consumed === 1
}
