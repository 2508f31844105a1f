import type { Transaction } from '../../database/client.js'
import type { Mail } from '../../email/message.js'
import { type EmailHolder, findPendingEmail, findUnconfirmedUsers } from '../store/emails.js'
import { createLinkToken } from '../store/links.js'
import type { LinkPurpose } from '../store/one-time-tokens.js'
import { consumeMailBudget } from './mail-budget.js'
import { confirmationMail, type Link, resetMail } from './messages.js'

/** Context that e-mails with links are created with. */
export interface LinkMailContext {
  /** Origin of the links. */
  issuer: string
  macKey: Buffer
}

/**
 * Creates the e-mails that reset the passwords of all accounts that the address recovers, one for each spelling of it.
 * There are none if there is no account or the budget is used up. The same budget is consumed, and locked, in each
 * case.
 *
 * @param holders from `findUsersByEmail`
 */
export async function createResetMails(
  address: string,
  holders: EmailHolder[],
  { issuer, macKey }: LinkMailContext,
  transaction: Transaction,
): Promise<Mail[]> {
  if (!(await consumeMailBudget('reset_password', { address }, macKey, transaction))) return []
  const linksByAddress = await createLinks('reset_password', holders, transaction)
  return [...linksByAddress].map(([to, links]) => resetMail(to, links, issuer))
}

/**
 * Creates the e-mails that confirm the address a user gave, one for each spelling of it. There are none if the budget
 * is used up. The first link is the user's own. Other accounts that are waiting for a link to the address get theirs
 * too, so that strangers who use up the budget of an address cannot keep its owner from getting the link.
 */
export async function createConfirmationMails(
  userId: string,
  { issuer, macKey }: LinkMailContext,
  transaction: Transaction,
): Promise<Mail[]> {
  // Locks the account before the budgets: a transaction that changes an address has locked its account already.
  const own = await findPendingEmail(userId, transaction)
  if (!own) return []
  const recipient = { userId, address: own.address }
  if (!(await consumeMailBudget('confirm_email', recipient, macKey, transaction))) return []
  const others = await findUnconfirmedUsers(own, transaction)
  const linksByAddress = await createLinks('confirm_email', [own, ...others], transaction)
  return [...linksByAddress].map(([to, links]) => confirmationMail(to, links, issuer))
}

/**
 * Creates links, and returns them by the exact spelling of the address: no mailbox gets the links of another spelling.
 */
async function createLinks(
  purpose: LinkPurpose,
  holders: EmailHolder[],
  transaction: Transaction,
): Promise<Map<string, Link[]>> {
  const linksByAddress = new Map<string, Link[]>()
  for (const holder of holders) {
    const { username, address } = holder
    const token = await createLinkToken(purpose, holder, transaction)
    if (!token) continue
    const links = linksByAddress.get(address) ?? []
    linksByAddress.set(address, [...links, { username, token }])
  }
  return linksByAddress
}
