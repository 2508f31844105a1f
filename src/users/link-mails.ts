import type { Transaction } from '../database/index.js'
import type { Mail } from '../mail/index.js'
import { type MailPurpose, takeMail } from './mail-budget.js'
import { confirmationMail, type Link, resetMail } from './mails.js'
import { createMailedToken } from './one-time-tokens.js'
import { type EmailHolder, findUnconfirmedUsers } from './store.js'

/** Settings and key that mails with links are made with. */
export interface LinkMailContext {
  /** Origin of the links. */
  issuer: string
  macKey: Buffer
}

/**
 * Makes the mail that resets the passwords of all accounts that the address recovers, or null: where there is none, or
 * one was sent to the address just now. Takes the same budget, and its lock, either way.
 *
 * @param holders from `findUsersByEmail`
 */
export async function makeResetMail(
  address: string,
  holders: EmailHolder[],
  { issuer, macKey }: LinkMailContext,
  transaction: Transaction,
): Promise<Mail | null> {
  if (!(await takeMail('reset_password', { address }, macKey, transaction))) return null
  const links = await makeLinks('reset_password', holders, transaction)
  return holders[0] && links.length > 0 ? resetMail(holders[0].address, links, issuer) : null
}

/**
 * Makes the mail that confirms the address a user gave, or null where that would be one too many. It has a link for
 * every other account that waits for one to this address, so that strangers who use up the budget of an address cannot
 * keep its owner from the link.
 */
export async function makeConfirmationMail(
  { id: userId, username }: { id: string; username: string },
  address: string,
  { issuer, macKey }: LinkMailContext,
  transaction: Transaction,
): Promise<Mail | null> {
  if (!(await takeMail('confirm_email', { userId, address }, macKey, transaction))) return null
  const others = await findUnconfirmedUsers(address, userId, transaction)
  const links = await makeLinks('confirm_email', [{ id: userId, username, address }, ...others], transaction)
  return links.length > 0 ? confirmationMail(address, links, issuer) : null
}

async function makeLinks(
  purpose: MailPurpose,
  holders: EmailHolder[],
  transaction: Transaction,
): Promise<Link[]> {
  const links: Link[] = []
  for (const { id, username, address } of holders) {
    const token = await createMailedToken(purpose, id, address, transaction)
    if (token) links.push({ username, token })
  }
  return links
}
