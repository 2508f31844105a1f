import type { Transaction } from '../database/index.js'
import { keyedDigest } from '../keyed-digest.js'

/** Purpose of a mail with links. */
export type LinkPurpose = 'confirm_email' | 'reset_password'

/** Whom a mail is for. */
export interface Recipient {
  /** Who asked, or undefined for a mail that names all accounts of the address. */
  userId?: string
  address: string
}

/** Part of a recipient that mails are counted by. */
type Counted = 'address' | 'user' | 'both'

/** Maximum number of mails with the same key within some seconds. The key that fewest others share is charged first. */
const budgets: Record<LinkPurpose, { counted: Counted; mails: number; seconds: number }[]> = {
  reset_password: [{ counted: 'address', mails: 1, seconds: 60 }],
  confirm_email: [
    { counted: 'both', mails: 1, seconds: 60 },
    { counted: 'user', mails: 5, seconds: 600 },
    { counted: 'address', mails: 5, seconds: 600 },
  ],
}

/**
 * Charges a mail to its budgets, be there an account with the address or not. Of any number at once no more than fit are
 * taken: single statements decide.
 *
 * @returns whether the mail may be sent
 */
export async function takeMail(
  purpose: LinkPurpose,
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
