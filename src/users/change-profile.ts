import type { FastifyInstance, FastifyRequest } from 'fastify'
import type { Static } from 'typebox'
import { ownEvent } from '../audit/event.js'
import { recordEvent } from '../audit/event-store.js'
import type { Transaction } from '../database/client.js'
import { within } from '../database/query.js'
import type { Mail } from '../email/message.js'
import { ServiceError } from '../errors.js'
import { decideEmailChange, type EmailChange, noChange } from './email-change.js'
import { createConfirmationMails, type LinkMailContext } from './mails/link-mails.js'
import { consumeMailBudget } from './mails/mail-budget.js'
import { emailChangedMail, emailRemovedMail } from './mails/messages.js'
import { requirePassword } from './require-password.js'
import { lockEmails } from './store/emails.js'
import { type CurrentUser, updateProfile } from './store/profile.js'
import type { User, UserPatch } from './user-schema.js'

/** Changes the display name and the e-mail address of the current user. */
export async function changeProfile(
  app: FastifyInstance,
  request: FastifyRequest,
  { full_name: fullName, email, password }: Static<typeof UserPatch>,
  issuer: string,
): Promise<Static<typeof User>> {
  const { currentUser } = request
  if (email) app.requireMail()
  const checkedHash =
    email === undefined || password === undefined
      ? null
      : await requirePassword(app, 'email_changed', password, request)
  const context = { issuer, macKey: await app.readMacKey() }
  const { updated, mails } = await app.database.$transaction(async (transaction) => {
    const change = await readEmailChange(request, email, checkedHash, transaction)
    const changes = { ...change.changes, ...(fullName !== undefined && { fullName }) }
    const updated = await updateProfile(currentUser.id, changes, transaction)
    if (!updated) throw new ServiceError('invalid_token')
    return { updated, mails: await createMails(change, currentUser, context, transaction) }
  })
  for (const mail of mails) app.sendMail(mail)
  return toUser(updated)
}

/** Returns a user as the API shows them. */
export function toUser({ username, email, fullName, disabled }: CurrentUser): Static<typeof User> {
  return { username, email, full_name: fullName, disabled }
}

/**
 * Locks the addresses, and returns and records how the request changes them.
 *
 * @param given address to set, or null to remove all
 * @param checkedHash hash that the password was compared with, or null if none was given
 * @throws ServiceError `invalid_token` if the user no longer exists or the password has changed
 */
async function readEmailChange(
  request: FastifyRequest,
  given: string | null | undefined,
  checkedHash: string | null,
  transaction: Transaction,
): Promise<EmailChange> {
  const { currentUser } = request
  if (given === undefined) return noChange
  const emails = await lockEmails(currentUser.id, checkedHash, transaction)
  if (!emails) throw new ServiceError('invalid_token')
  const change = decideEmailChange(emails, given, checkedHash !== null)
  if (Object.keys(change.changes).length > 0)
    await recordEvent(ownEvent('email_changed', currentUser, request), within(transaction))
  return change
}

/** Returns the e-mails about a change of addresses that was written in the same transaction. */
async function createMails(
  { toConfirm, toNotify }: EmailChange,
  { id, username }: CurrentUser,
  context: LinkMailContext,
  transaction: Transaction,
): Promise<Mail[]> {
  if (toConfirm === null) return toNotify === null ? [] : [emailRemovedMail(toNotify, username)]
  const confirmations = await createConfirmationMails(id, context, transaction)
  if (toNotify === null) return confirmations
  // The budget keeps endless changes from flooding the confirmed address.
  const recipient = { userId: id, address: toNotify }
  const isNotified = await consumeMailBudget('email_changed', recipient, context.macKey, transaction)
  return isNotified ? [...confirmations, emailChangedMail(toNotify, username)] : confirmations
}
