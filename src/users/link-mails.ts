import type { Transaction } from '../database/client.js'
import type { Mail } from '../email/index.js'
import { type LinkPurpose, takeMail } from './mail-budget.js'
import { confirmationMail, type Link, resetMail } from './mails.js'
import { createMailedToken } from './one-time-tokens.js'
import { type EmailHolder, findPendingEmail, findUnconfirmedUsers } from './user-store.js'

/** Settings and key that mails with links are made with. */
export interface LinkMailContext {
  /** Origin of the links. */
  issuer: string
  macKey: Buffer
}

/**
 * Makes the mails that reset the passwords of all accounts that the address recovers, one for each spelling of it. None
 * where there is no account, or one was asked for just now. Takes the same budget, and its lock, either way.
 *
 * @param holders from `findUsersByEmail`
 */
export async function makeResetMails(
  address: string,
  holders: EmailHolder[],
  { issuer, macKey }: LinkMailContext,
  transaction: Transaction,
): Promise<Mail[]> {
  if (!(await takeMail('reset_password', { address }, macKey, transaction))) return []
  const links = await makeLinks('reset_password', holders, transaction)
  return [...links].map(([to, linksOfOne]) => resetMail(to, linksOfOne, issuer))
}

/**
 * Makes the mails that confirm the address a user gave, one for each spelling of it; none where that would be one too
 * many. The first link is the user's own. There is one for other accounts that wait for theirs too, so that strangers who
 * use up the budget of an address cannot keep its owner from the link.
 */
export async function makeConfirmationMails(
  userId: string,
  { issuer, macKey }: LinkMailContext,
  transaction: Transaction,
): Promise<Mail[]> {
  // Before the budgets: whoever changes their address holds their account already.
  const own = await findPendingEmail(userId, transaction)
  if (!own || !(await takeMail('confirm_email', { userId, address: own.address }, macKey, transaction)))
    return []
  const others = await findUnconfirmedUsers(own, transaction)
  const links = await makeLinks('confirm_email', [own, ...others], transaction)
  return [...links].map(([to, linksOfOne]) => confirmationMail(to, linksOfOne, issuer))
}

/** Returns the links by the address that each is mailed to: no mailbox gets those of another spelling. */
async function makeLinks(
  purpose: LinkPurpose,
  holders: EmailHolder[],
  transaction: Transaction,
): Promise<Map<string, Link[]>> {
  const links = new Map<string, Link[]>()
  for (const holder of holders) {
    const token = await createMailedToken(purpose, holder, transaction)
    const { username, address } = holder
    if (token) links.set(address, [...(links.get(address) ?? []), { username, token }])
  }
  return links
}
